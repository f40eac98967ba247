"""Energy-based and generative models: `lm.generative.RBM(64, 128)`.

Each file is one idea. Boltzmann machines are trained by `contrastive`, judged by `annealing`, and
all of them are one `Bipartite`; the other models have a `loss(batch)`. `fit` trains either kind.
"""

from lamina.generative.annealing import LogZ, annealed_log_z, log_odds
from lamina.generative.bijections import AffineCoupling, Bijection, Logit
from lamina.generative.bipartite import Bipartite, GaussianBipartite
from lamina.generative.contrastive import PersistentCD, contrastive_divergence
from lamina.generative.corruption import gaussian_noise, masking, salt_and_pepper
from lamina.generative.dbm import DBM
from lamina.generative.denoisers import MLPDenoiser, time_embedding
from lamina.generative.denoising_autoencoder import DenoisingAutoencoder
from lamina.generative.diffusion import Diffusion
from lamina.generative.flow import Flow, dequantise, real_nvp
from lamina.generative.hopfield import Hopfield
from lamina.generative.machine import BoltzmannMachine
from lamina.generative.modern_hopfield import ModernHopfield
from lamina.generative.noise_schedules import cosine_betas, linear_betas, signal_left
from lamina.generative.rbm import RBM, GaussianRBM
from lamina.generative.som import SOM
from lamina.generative.training import fit
