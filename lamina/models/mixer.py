"""The published sizes of MLP-Mixer: table 1 of Tolstikhin et al. 2021."""

from lamina.models.mixer_model import MlpMixer


def mixer_s_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3) -> MlpMixer:
    """Mixer-S/16: squares of 16 pixels, 8 blocks."""
    return MlpMixer(16, 8, 512, num_classes, image_size, channels)


def mixer_b_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3) -> MlpMixer:
    """Mixer-B/16: squares of 16 pixels, 12 blocks."""
    return MlpMixer(16, 12, 768, num_classes, image_size, channels)


def mixer_l_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3) -> MlpMixer:
    """Mixer-L/16: squares of 16 pixels, 24 blocks."""
    return MlpMixer(16, 24, 1024, num_classes, image_size, channels)
