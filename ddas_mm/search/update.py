"""How the network's update answers to the gradient it is given.

Alignment (Eq. 13 to 15) is the derivative of the S_val loss, after the update, by the
weights of the views' gradients. An optimiser that works entry by entry makes of a
parameter ``f(theta) - lr u(h)``, where ``h`` is the gradient after clipping. So S_val's
gradient is multiplied by ``lr du/dh``, then by the derivative of clipping.

``RULES`` has a row for each optimiser that can be followed, and
:func:`register_update_rule` adds one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from mmengine.optim import OptimWrapper
from mmengine.utils import digit_version
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

# Older fused steps know no CPU (2.4 was the first whose do).
FUSED = digit_version(torch.__version__) >= digit_version('2.4.0')
NORM_EPSILON = 1e-6  # torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6
SIGN_STEPS = 1  # of Adam and RMSprop, from which the policy does not learn
TINY = 1e-30  # far below what products of a root and epsilon are, and a float32
Tensors = list[Tensor] | tuple[Tensor, ...]  # an item per parameter
Settings = Mapping[str, Any]
Answer = Callable[[Tensors, Tensors, list[Settings], Settings], None]


class Gradient(NamedTuple):
    """A gradient by all parameters.

    Attributes:
        flat: (P,) buffer.
        parts: Its pieces, in shape and memory layout of the parameters.
    """

    flat: Tensor
    parts: list[Tensor]


@dataclass(frozen=True)
class UpdateRule:
    """What a search must know of an optimiser that works entry by entry.

    Attributes:
        answer: Multiplies vectors in place by ``du/dh``. It is given the vectors, the
            gradients ``h``, the optimiser's states after the step (three lists, an
            item per parameter) and a parameter group. It must not wait for a GPU.
        reads: The group's settings that ``answer`` reads; parameters that agree in
            them may come together.
        demands: Settings for which ``answer`` holds, and the value they must have.
        linear: Whether ``u`` is linear in ``h``, so that ``answer`` needs no ``h``.
        adds_decay: Whether weight decay is added to ``h`` (L2) and not taken from the
            parameter.
        fused: Whether torch has a fused step of it, which looks at ``found_inf``.
    """

    answer: Answer
    reads: Sequence[str]
    demands: Mapping[str, Any] = field(default_factory=lambda: {'maximize': False})
    linear: bool = False
    adds_decay: bool = True
    fused: bool = False


def base_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return ``eta_0``, the largest learning rate of all parameter groups now.

    It only scales ``Z_g``, so that any would do but zero, which groups that are frozen
    by their rate have.
    """
    return max(group['lr'] for group in optimizer.param_groups)


def answer_of_sgd(
    vectors: Tensors, _grads: Tensors, _states: list[Settings], group: Settings
) -> None:
    """One, as weight decay and what momentum remembers do not depend on ``h``.

    With Nesterov's momentum ``u = h + momentum b``, ``b`` being the momentum buffer
    that ``h`` was added to.
    """
    if group['nesterov']:
        torch._foreach_mul_(vectors, 1 + group['momentum'])


def answer_of_adam(
    vectors: Tensors, grads: Tensors, states: list[Settings], group: Settings
) -> None:
    """``sqrt(c2) / c1 [(1 - b1) / s - (1 - b2) m h / (sqrt(v) s^2)]``.

    ``m`` and ``v`` are the moments after step ``t``, ``c = 1 - b^t``, and ``s =
    sqrt(v) + sqrt(c2) eps``. Zero in the first step: ``h / |h|`` does not answer to
    ``h``, and what epsilon leaves of it is noise that ``Z_g`` would bring to full size.
    """
    beta1, beta2 = group['betas']
    # float32, in which torch counts, would lose digits of c
    count = states[0]['step'].double().clamp(min=1)
    first, second = (1 - beta**count for beta in (beta1, beta2))
    means = [state['exp_avg'] for state in states]
    roots = torch._foreach_sqrt([state['exp_avg_sq'] for state in states])
    epsilon = (group['eps'] * second.sqrt()).to(vectors[0])
    _through_root(vectors, means, grads, roots, epsilon, (1 - beta2) / (1 - beta1))
    share = (count > SIGN_STEPS) * (1 - beta1) * second.sqrt() / first
    torch._foreach_mul_(vectors, share.to(vectors[0]))


def answer_of_rmsprop(
    vectors: Tensors, grads: Tensors, states: list[Settings], group: Settings
) -> None:
    """``1 / s - (1 - alpha) h^2 / (sqrt(v) s^2)``, ``s = sqrt(v) + eps``.

    With momentum the same: what it remembers does not depend on ``h``. Zero in the
    first step, as with Adam.
    """
    roots = torch._foreach_sqrt([state['square_avg'] for state in states])
    _through_root(vectors, grads, grads, roots, group['eps'], 1 - group['alpha'])
    torch._foreach_mul_(vectors, float(states[0]['step'] > SIGN_STEPS))


def _through_root(
    vectors: Tensors,
    means: Tensors,
    grads: Tensors,
    roots: Tensors,
    epsilon: Any,
    weight: float,
) -> None:
    """Multiply vectors by ``1 / s - weight mean h / (r s^2)``, ``s = r + epsilon``.

    Where the root is zero, so is ``h``, and the step is ``h / (|h| + eps)`` up to
    factors: its derivative there is ``1 / eps``, as found here. (Autograd finds zero
    times infinity, NaN.) To touch memory is all that this costs, so passes are few.
    """
    scales = torch._foreach_add(roots, [epsilon] * len(roots))
    torch._foreach_div_(vectors, scales)
    torch._foreach_mul_(scales, roots)
    torch._foreach_clamp_min_(scales, TINY)
    products = torch._foreach_mul(means, grads)
    torch._foreach_mul_(products, vectors)
    torch._foreach_addcdiv_(vectors, products, scales, value=-weight)


_SGD = {'maximize': False, 'dampening': 0}
_ADAM = {'maximize': False, 'amsgrad': False}
RULES: dict[type[torch.optim.Optimizer], UpdateRule] = {
    torch.optim.SGD: UpdateRule(
        answer_of_sgd, ('momentum', 'nesterov'), _SGD, linear=True, fused=True
    ),
    torch.optim.Adam: UpdateRule(answer_of_adam, ('betas', 'eps'), _ADAM, fused=True),
    torch.optim.AdamW: UpdateRule(
        answer_of_adam, ('betas', 'eps'), _ADAM, adds_decay=False, fused=True
    ),
    torch.optim.RMSprop: UpdateRule(
        answer_of_rmsprop, ('alpha', 'eps'), {'maximize': False, 'centered': False}
    ),
}


def register_update_rule(kind: type[torch.optim.Optimizer], rule: UpdateRule) -> None:
    """Let a search follow an optimiser (this class exactly, not its subclasses)."""
    RULES[kind] = rule


class NetworkUpdate:
    """The network's step, left out where its gradient is not finite; its derivative.

    The device decides, as it does under torch's GradScaler: a fused step looks at
    ``found_inf``. Where there is none the host waits for the answer, once per step.

    Args:
        optim_wrapper: The network's optimiser, one of ``RULES``.
        params: The parameters that it steps.
    """

    def __init__(self, optim_wrapper: OptimWrapper, params: list[Tensor]) -> None:
        self.optim_wrapper = optim_wrapper
        self.optimizer = optim_wrapper.optimizer
        self.params = params
        self.rule = RULES[type(self.optimizer)]
        self.clipping = Clipping(optim_wrapper)
        self.left_out = False
        groups = self.optimizer.param_groups
        by_param = {id(p): group for group in groups for p in group['params']}
        self.groups = [by_param[id(p)] for p in params]
        known = FUSED and params[0].device.type in ('cpu', 'cuda')
        self.fused = self.rule.fused and known
        if self.fused:
            for group in groups:
                group.update(fused=True, foreach=False)
            self._lay_out_states()
        decayed = not self.rule.linear and any(map(self._decay, self.groups))
        self.before = [torch.empty_like(p.detach()) for p in params if decayed]

    @property
    def needs_gradient(self) -> bool:
        """Whether the derivative asks for the gradient that was stepped with."""
        return bool(self.clipping) or not self.rule.linear

    def step(self, finite: Tensor) -> None:
        """Step where ``finite`` (a bool) is true."""
        if self.before:
            torch._foreach_copy_(self.before, [p.detach() for p in self.params])
        if self.fused:
            self.optimizer.found_inf = (~finite).float()
        self.left_out = not self.fused and not finite
        if not self.left_out:
            self.optim_wrapper.step()

    def pull_back(self, vector: Gradient, grad: Gradient, norm: Tensor) -> None:
        """Multiply a vector by the derivative of the last step, with its sign changed.

        Args:
            vector: What is multiplied, in place.
            grad: The gradient after clipping; what is not finite in it is zeroed.
            norm: () its norm before clipping.
        """
        if self.needs_gradient:  # only the view that is broken shall spoil its d_l
            torch.nan_to_num_(grad.flat, 0.0, 0.0, 0.0)
        taken = grad.parts
        if self.before:
            decays = [self._decay(group) for group in self.groups]
            taken = list(torch._foreach_mul(self.before, decays))
            torch._foreach_add_(taken, grad.parts)
        for members in () if self.left_out else self._alike():
            self.rule.answer(
                [vector.parts[i] for i in members],
                [taken[i] for i in members],
                [self.optimizer.state[self.params[i]] for i in members],
                self.groups[members[0]],
            )
        torch._foreach_mul_(vector.parts, [group['lr'] for group in self.groups])
        self.clipping.pull_back(vector.flat, grad.flat, norm)

    def _decay(self, group: Mapping[str, Any]) -> float:
        """The weight decay that is added to the gradient."""
        added = self.rule.adds_decay and not group.get('decoupled_weight_decay')
        return group.get('weight_decay', 0.0) if added else 0.0

    def _alike(self) -> list[list[int]]:
        """Indices of the parameters whose groups agree in what the rule reads.

        They are looked at in every step, as schedules may change momentum and betas.
        On a CPU each comes alone, whose numbers then stay in the cache.
        """
        if self.params[0].is_cpu:
            return [[i] for i in range(len(self.params))]
        alike: dict[str, list[int]] = {}
        for i, group in enumerate(self.groups):
            alike.setdefault(str([group[n] for n in self.rule.reads]), []).append(i)
        return list(alike.values())

    def _lay_out_states(self) -> None:
        """Give every parameter states of its own layout.

        The fused step reads memory in order. And torch would leave SGD's buffers
        without a value if the first step of all is left out; zero is what they start
        from.
        """
        for param, group in zip(self.params, self.groups, strict=True):
            state = self.optimizer.state[param]
            if group.get('momentum') and state.get('momentum_buffer') is None:
                state['momentum_buffer'] = torch.zeros_like(param.detach())
            for name, value in state.items():
                if torch.is_tensor(value) and value.shape == param.shape:
                    own = torch.empty_like(param.detach(), dtype=value.dtype)
                    state[name] = own.copy_(value)


class Clipping:
    """The derivative of the gradient clipping that an optim wrapper applies.

    Args:
        optim_wrapper: The network's optimiser, with ``clip_grad`` or without.
    """

    def __init__(self, optim_wrapper: OptimWrapper) -> None:
        kwargs = optim_wrapper.clip_grad_kwargs or {}
        self.max_norm: float | None = kwargs.get('max_norm')
        self.clip_value: float | None = kwargs.get('clip_value')

    def __bool__(self) -> bool:
        """Whether gradients are clipped at all."""
        return self.max_norm is not None or self.clip_value is not None

    def pull_back(self, vector: Tensor, clipped: Tensor, norm: Tensor) -> None:
        """Multiply a vector by the (symmetric) Jacobian of clipping, in place.

        By value, an entry that was clipped does not answer at all. By norm, the
        gradient ``g`` of norm ``n`` became ``h = c g`` with
        ``c = max_norm / (n + 1e-6)`` below one; ``dh = c (dg - g (g.dg) / (n (n +
        1e-6)))``: a change along ``g`` is almost lost.

        Args:
            vector: (P,) what is multiplied.
            clipped: (P,) the gradient after clipping, ``h``, all finite.
            norm: () its norm before clipping, ``n``.
        """
        good = norm.isfinite()  # else the step was left out, and nothing clipped
        if self.clip_value is not None:
            vector.mul_(clipped.abs() < self.clip_value)  # NaN stays NaN
        elif self.max_norm is not None:
            scale = torch.where(good, self.max_norm / (norm + NORM_EPSILON), 1)
            radial = (clipped @ vector) * (norm + NORM_EPSILON) / norm
            active = scale < 1  # stays on the device: no synchronisation
            share = torch.where(active, radial / self.max_norm**2, 0)
            vector.addcmul_(clipped, share, value=-1).mul_(scale.clamp(max=1))


class RunningStatistics:
    """Running statistics of all BatchNorm layers of a network.

    Args:
        module: The network.
    """

    def __init__(self, module: nn.Module) -> None:
        self.layers = [
            layer
            for layer in module.modules()
            if isinstance(layer, _BatchNorm) and layer.track_running_stats
        ]
        self._live: list[list[Tensor]] = []  # by dtype
        self._saved: list[Tensor] = []  # each list as one flat tensor

    def save(self) -> None:
        """Remember them as they are: a few numbers per channel."""
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for layer in self._active():
            for buffer in layer.buffers():
                by_dtype.setdefault(buffer.dtype, []).append(buffer)
        self._live = list(by_dtype.values())
        self._saved = [_flat(buffers) for buffers in self._live]

    def restore_unless(self, good: Tensor) -> None:
        """Take back what was remembered where ``good`` (a bool) is false.

        The device decides; the host does not wait for it.
        """
        for buffers, saved in zip(self._live, self._saved, strict=True):
            values = torch.where(good, _flat(buffers), saved)
            pieces = values.split([buffer.numel() for buffer in buffers])
            kept = [p.view_as(b) for p, b in zip(pieces, buffers, strict=True)]
            torch._foreach_copy_(buffers, kept)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let the layers normalise by batch, as in training, and remember nothing."""
        layers = self._active()
        for layer in layers:
            layer.track_running_stats = False
        try:
            yield
        finally:
            for layer in layers:
                layer.track_running_stats = True

    def _active(self) -> list[_BatchNorm]:
        return [layer for layer in self.layers if layer.training]


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
