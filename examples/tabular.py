"""Tabular regression: how far has diabetes gone a year later? Ten columns, 442 patients."""

from sklearn.datasets import load_diabetes

import lamina as lm
from lamina import nn
from lamina.data import TableRecipe, split


def main(epochs: int = 60) -> float:
    lm.seed(0)
    patients = load_diabetes(scaled=False)
    table = dict(zip(patients.feature_names, patients.data.T, strict=True))
    table["progression"] = patients.target
    train, valid, test = split(table, valid=0.15, test=0.2, seed=0)
    recipe = TableRecipe(target="progression", columns={"sex": "category"}).fit(train)
    model = nn.Sequential(nn.Linear(len(recipe.feature_names), 16), nn.ReLU(), nn.Linear(16, 1))
    trainer = lm.train.Trainer(
        model, loss="mse",
        optimizer=lm.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1),
        callbacks=[lm.train.EarlyStopping("valid_loss", patience=10)])
    trainer.fit(recipe(train), recipe(valid), epochs=epochs)
    lm.save("diabetes.safetensors", model, metadata={"lamina.table": recipe.to_json()})
    foreseen = recipe.inverse_target(trainer.predict(recipe.transform(test)))[:, 0]
    r2 = lm.metrics.R2()
    r2.update(foreseen, test["progression"])
    print(f"R2 {r2.compute():.3f} on {len(foreseen)} patients that were not seen")
    return r2.compute()


if __name__ == "__main__":
    main()
