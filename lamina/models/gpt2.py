"""The published sizes of GPT-2: table 2 of Radford et al. 2019."""

from lamina.models.gpt2_model import GPT2


def gpt2(vocab_size: int = 50257, n_positions: int = 1024, dropout: float = 0.1) -> GPT2:
    """GPT-2, the smallest: 12 blocks, 768 wide."""
    return GPT2(vocab_size, n_positions, 768, 12, 12, dropout)


def gpt2_medium(vocab_size: int = 50257, n_positions: int = 1024, dropout: float = 0.1) -> GPT2:
    """GPT-2 with 24 blocks, 1,024 wide."""
    return GPT2(vocab_size, n_positions, 1024, 24, 16, dropout)


def gpt2_large(vocab_size: int = 50257, n_positions: int = 1024, dropout: float = 0.1) -> GPT2:
    """GPT-2 with 36 blocks, 1,280 wide."""
    return GPT2(vocab_size, n_positions, 1280, 36, 20, dropout)


def gpt2_xl(vocab_size: int = 50257, n_positions: int = 1024, dropout: float = 0.1) -> GPT2:
    """GPT-2 with 48 blocks, 1,600 wide."""
    return GPT2(vocab_size, n_positions, 1600, 48, 25, dropout)
