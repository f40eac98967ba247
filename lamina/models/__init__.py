"""Ready models: `lm.models.resnet18(num_classes=10)`.

Each is described in files of at most 60 lines, takes images channels last, and has the layouts
and, where `catalogue.MODELS` says so, the names of a published implementation, so that its weights
load by name.
"""

from lamina.models.alexnet import alexnet
from lamina.models.autoencoder import autoencoder, conv_autoencoder
from lamina.models.bert import bert_base, bert_large
from lamina.models.bert_model import BERT
from lamina.models.dcgan import dcgan_discriminator, dcgan_generator
from lamina.models.densenet import densenet, densenet121, densenet169, densenet201
from lamina.models.efficientnet import efficientnet_b0
from lamina.models.generation import generate
from lamina.models.googlenet import GoogLeNet, googlenet
from lamina.models.gpt2 import gpt2, gpt2_large, gpt2_medium, gpt2_xl
from lamina.models.gpt2_model import GPT2
from lamina.models.inception import GoogLeNetOutputs
from lamina.models.lenet import lenet
from lamina.models.mixer import mixer_b_16, mixer_l_16, mixer_s_16
from lamina.models.mixer_model import MlpMixer
from lamina.models.mlp import mlp
from lamina.models.mobilenet_v2 import mobilenet_v2
from lamina.models.mobilenet_v3 import mobilenet_v3, mobilenet_v3_large, mobilenet_v3_small
from lamina.models.resnet import resnet, resnet18, resnet34, resnet50, resnet101, resnet152
from lamina.models.unet import UNet, unet
from lamina.models.vae import VAE, elbo_loss, vae
from lamina.models.vgg import vgg, vgg11, vgg13, vgg16, vgg19
from lamina.models.vgg_bn import vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn
from lamina.models.vit import vit_b_16, vit_b_32, vit_l_16, vit_s_16, vit_ti_16
from lamina.models.vit_model import VisionTransformer
