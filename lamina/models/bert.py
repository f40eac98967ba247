"""The published sizes of BERT: section 3 of Devlin et al. 2019."""

from lamina.models.bert_model import BERT


def bert_base(vocab_size: int = 30522, max_position_embeddings: int = 512,
              dropout: float = 0.1) -> BERT:
    """BERT with 12 blocks, 768 wide."""
    return BERT(vocab_size, 768, 12, 12, max_position_embeddings, dropout=dropout)


def bert_large(vocab_size: int = 30522, max_position_embeddings: int = 512,
               dropout: float = 0.1) -> BERT:
    """BERT with 24 blocks, 1,024 wide."""
    return BERT(vocab_size, 1024, 24, 16, max_position_embeddings, dropout=dropout)
