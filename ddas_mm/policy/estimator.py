"""The policy gradient of one search step (paper Eq. 3 and 12 to 17).

Symbols: K candidates, L sampled policies of N_o operations each, P network
parameters, ``p_o`` (K,) operation probabilities, ``p_tp`` total probability,
``g_0`` the gradient of the plain mini-batch, ``g_l`` that of policy l.
"""

import torch
from torch import Tensor


def sequence_probs(op_probs: Tensor, policies: Tensor) -> Tensor:
    """Return ``P(phi_l)``, the probability of each sampled policy (Eq. 3).

    Args:
        op_probs: (K,) operation probabilities, summing to one.
        policies: (L, N_o) int64 candidate indices.

    Returns:
        (L,) products of the operations' probabilities.
    """
    return op_probs[policies].prod(dim=-1)


def mixture_weights(total_prob: Tensor, policy_probs: Tensor) -> Tensor:
    """Return the weights of ``g_0 .. g_L`` in the training gradient (Eq. 12).

    Args:
        total_prob: () probability ``p_tp`` that an image is augmented.
        policy_probs: (L,) probabilities ``P(phi_l)`` of the sampled policies.

    Returns:
        (L + 1,) weights, summing to one: ``1 - p_tp`` for the plain batch and
        ``p_tp P(phi_l) / Z`` for policy l, ``Z`` being the sum over the L.
    """
    augmented = total_prob * policy_probs / policy_probs.sum()
    return torch.cat([(1 - total_prob).reshape(1), augmented])


def alignment(scaled_val_grad: Tensor, view_grads: Tensor) -> Tensor:
    """Return ``d_l = eta g_val . (g_0 - g_l)`` of each policy (Eq. 13 to 15).

    Negative where policy l improved the validation batch: ``d_l`` is the
    derivative of the validation loss, after the step, by the weight of ``g_l``.

    Args:
        scaled_val_grad: (P,) validation gradient at the new parameters, each
            entry multiplied by its parameter's learning rate (for an optimiser that
            adapts it: by the derivative of the update, with its sign changed).
        view_grads: (L + 1, P) gradients ``g_0 .. g_L``. **Overwritten**: rows
            1 to L become ``g_l - g_0``, which spares a second (L, P) buffer and
            makes a policy that left the batch unchanged exactly zero.

    Returns:
        (L,) alignments.
    """
    differences = view_grads[1:]
    differences -= view_grads[0]
    return -(differences @ scaled_val_grad)


def policy_loss(
    total_prob: Tensor, policy_probs: Tensor, alignments: Tensor, base_lr: float
) -> Tensor:
    """Return the scalar whose gradient is the policy gradient (Eq. 16, 17).

    ``sum_l d_l p_tp P(phi_l) / (Z Z_g)`` with ``Z = sum_l P(phi_l)``,
    ``Z_g = sum_l |d_l| / eta_0``; both and ``d_l`` are constants.

    Args:
        total_prob: () ``p_tp``, differentiable.
        policy_probs: (L,) ``P(phi_l)``, differentiable.
        alignments: (L,) ``d_l``, not all zero.
        base_lr: ``eta_0``, the largest learning rate of the parameter groups.

    Returns:
        () loss.
    """
    normaliser = alignments.abs().sum() / base_lr
    mass = policy_probs.detach().sum()
    return total_prob * (alignments @ policy_probs) / (mass * normaliser)


def alignment_signal(alignments: Tensor, base_lr: float) -> tuple[float, float]:
    """Return how strongly and how well a step's policies acted on the S_val loss.

    Args:
        alignments: (L,) ``d_l``.
        base_lr: ``eta_0``, the largest learning rate of the parameter groups.

    Returns:
        ``Z_g / L``, the mean of ``|d_l| / eta_0``; and the share of the L policies
        with ``d_l < 0``, those better for S_val than no augmentation.
    """
    strength = alignments.double().abs().mean().item()
    helped = (alignments < 0).double().mean().item()
    # With a rate of zero (a warm-up may begin so) every d_l is zero.
    return strength / base_lr if strength else 0.0, helped
