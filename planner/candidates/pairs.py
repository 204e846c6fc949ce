"""What goes together: models and formats, formats and accelerators, engines and accelerators, layouts and both."""

from __future__ import annotations

import re

from planner.candidates.layouts import Hardware, link_reach
from planner.domain.engine import Engine
from planner.domain.hardware import Accelerator
from planner.domain.layout import Shape
from planner.domain.llm import KvPrecision, Model, Precision


def compute_capability(accelerator: Accelerator) -> float | None:
    """Return NVIDIA's compute capability from the architecture text (`9.0 Hopper` → 9.0), None for other vendors."""
    match = re.match(r"\d+(?:\.\d+)?", accelerator.architecture)
    return float(match.group()) if match and accelerator.vendor == "nvidia" else None


def checkpoint_problem(model: Model, name: str, precision: Precision) -> str | None:
    """Return why a model cannot be had in a precision, None if it can."""
    sixteen = ("bf16", "fp16")
    if name == model.native_precision or name in model.precisions:
        return None
    if precision.universal and model.native_precision in sixteen:
        return None
    return f"published in {model.native_precision}; no checkpoint or conversion in {name} is known"


def format_problem(accelerator: Accelerator, name: str, precision: Precision | KvPrecision) -> str | None:
    """Return why an accelerator cannot compute in a precision, None if it can."""
    if precision.vendors and accelerator.vendor not in precision.vendors:
        return f"{name} has kernels for {', '.join(precision.vendors)} only"
    missing = [fmt for fmt in precision.needs if fmt not in accelerator.peak]
    if isinstance(precision, Precision) and precision.compute not in accelerator.peak:
        missing.append(precision.compute)
    return f"its matrix units have no {', '.join(dict.fromkeys(missing))}" if missing else None


def engine_problem(engine: Engine, accelerator: Accelerator) -> str | None:
    """Return why an engine does not run on an accelerator, or cannot be planned with at all, None if it can."""
    if accelerator.vendor not in engine.vendors:
        return f"{engine.name} runs on {', '.join(engine.vendors)}"
    capability = compute_capability(accelerator)
    if engine.min_compute_capability is not None and capability is not None and capability < engine.min_compute_capability:
        return f"{engine.name} needs compute capability {engine.min_compute_capability:g}, this has {capability:g}"
    return None


def shape_fits_machine(shape: Shape, machine: Hardware, accelerator: Accelerator) -> bool:
    """Whether a layout can be placed on machines of this kind, so that replicas pack without loss.

    Within one machine a replica's devices must divide it. A replica over several machines takes them whole: within one
    scale-up domain, or over the network with tensor parallelism inside the machine, or spread over exactly two.
    """
    if accelerator.parts > 1:
        return shape.gpus == 1  # parts of boards do not reach each other
    if shape.gpus <= machine.node:
        return machine.node % shape.gpus == 0
    if shape.gpus % machine.node:
        return False
    if shape.gpus <= link_reach(machine, accelerator):
        return True
    inside = machine.node % shape.tp == 0 or (shape.tp == 2 * machine.node and machine.node >= 4)
    return machine.network > 0 and machine.node > 1 and inside and shape.gpus <= 4 * machine.node


def cut_problem(shape: Shape, model: Model, engine: Engine) -> str | None:
    """Return why a model cannot be cut this way by this engine, None if it can."""
    if model.attention.heads % shape.tp:
        return f"{model.attention.heads} heads cannot be shared by tp{shape.tp}"
    if shape.pp > model.layers:
        return f"{model.layers} layers are fewer than pp{shape.pp}"
    if shape.pp > 1 and not engine.pipeline_parallel:
        return f"{engine.name} has no pipeline stages"
    if shape.dp == 1:
        return None
    if model.experts is None:
        return f"dp{shape.dp} within a replica is for models with routed experts"
    if not engine.expert_parallel:
        return f"{engine.name} does not spread experts over dp{shape.dp}"
    return f"{model.experts.count} experts are fewer than ep{shape.ep}" if model.experts.count < shape.ep else None
