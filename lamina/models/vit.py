"""The published sizes of the vision transformer: Dosovitskiy et al. 2021, table 1, and two more."""

from lamina.models.vit_model import VisionTransformer


def vit_ti_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3,
              dropout: float = 0.0) -> VisionTransformer:
    """ViT-Ti/16 (Touvron et al. 2021, table 1)."""
    return VisionTransformer(16, 12, 3, 192, num_classes, image_size, channels, dropout)


def vit_s_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3,
             dropout: float = 0.0) -> VisionTransformer:
    """ViT-S/16 (Touvron et al. 2021, table 1)."""
    return VisionTransformer(16, 12, 6, 384, num_classes, image_size, channels, dropout)


def vit_b_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3,
             dropout: float = 0.0) -> VisionTransformer:
    """ViT-B/16: squares of 16 pixels, 12 layers."""
    return VisionTransformer(16, 12, 12, 768, num_classes, image_size, channels, dropout)


def vit_b_32(num_classes: int = 1000, image_size: int = 224, channels: int = 3,
             dropout: float = 0.0) -> VisionTransformer:
    """ViT-B/32: squares of 32 pixels, 12 layers."""
    return VisionTransformer(32, 12, 12, 768, num_classes, image_size, channels, dropout)


def vit_l_16(num_classes: int = 1000, image_size: int = 224, channels: int = 3,
             dropout: float = 0.0) -> VisionTransformer:
    """ViT-L/16: squares of 16 pixels, 24 layers."""
    return VisionTransformer(16, 24, 16, 1024, num_classes, image_size, channels, dropout)
