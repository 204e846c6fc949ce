"""A catalog of three accelerators, three models and two sellers, and problems over it, written to files and loaded."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from planner.catalog.problem import LoadedProblem, load_problem

READ = {"source": "test", "as_of": "2026-01"}

KERNELS = {
    "engine": "*", "format": "*", "flops_efficiency": 0.7, "bandwidth_efficiency": 0.8, "norm": 3.0, "kv_efficiency": 0.6,
    "attention_efficiency": 0.5, "attention_half": 500, "host_per_layer": "10us", "host_per_sequence": 2e-6,
    "host_per_step": 1e-4, "status": "assumed", **READ,
}  # fmt: skip


def device(memory: str, bandwidth: str, bf16: str, fp8: str | None, fabric: str, **more: Any) -> dict[str, Any]:
    peak = {"bf16": bf16} | ({"fp8": fp8} if fp8 else {})
    base = {"vendor": "nvidia", "architecture": "9.0" if fp8 else "8.0", "form_factor": "sxm", "tdp": "500W"}
    return {**base, "memory": memory, "bandwidth": bandwidth, "peak": peak, "fabric": fabric, **READ, **more}


def machine(name: str, accelerator: str, count: int, fabric: str, *prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    seller, kind = name.split("/")
    base = {"seller": seller, "instance_type": kind, "accelerator": accelerator, "count": count, "fabric": fabric}
    return {**base, "prices": list(prices), **more}


def price(region: str, group: str, **paid: str) -> dict[str, Any]:
    return {"region": region, "region_group": group, **paid, **READ}


def model(layers: int, hidden: int, heads: int, billions: float, score: float, **more: Any) -> dict[str, Any]:
    head = 32000 * hidden
    attention = {"kind": "gqa", "layers": layers, "heads": heads, "kv_heads": 4, "head_dim": 128}
    rest = billions * 1e9 - 2 * head
    return {
        "family": "test", "licence": "mit", "hidden": hidden, "layers": layers, "vocabulary": 32000, "attention": attention,
        "parameters": {"attention": 0.25 * rest, "dense": 0.75 * rest, "embedding": head, "head": head},
        "max_context": 32768, "scores": [{"benchmark": "exam", "score": score, **READ}], **READ, **more,
    }  # fmt: skip


def catalog() -> dict[str, Any]:
    """Return the sections of the catalog; every call its own copy."""
    return copy.deepcopy(CATALOG)


CATALOG: dict[str, Any] = {
    "accelerators": {
        "mini": device("24GB", "600GB/s", "120TFLOP/s", None, "pcie", name="Mini", pcie_bandwidth="32GB/s"),
        "mid": device("48GB", "900GB/s", "300TFLOP/s", "600TFLOP/s", "pcie", name="Mid", pcie_bandwidth="32GB/s"),
        "max": device("80GB", "3.3TB/s", "900TFLOP/s", "1800TFLOP/s", "link", name="Max", link_bandwidth="450GB/s"),
    },
    "fabrics": {
        "none": {"scope": "pcie", "p2p_alpha": "10us", "status": "assumed", **READ},
        "pcie": {"scope": "pcie", "p2p_alpha": "10us", "status": "assumed", **READ},
        "link": {"scope": "scale_up", "p2p_alpha": "5us", "status": "assumed", **READ},
        "ethernet": {"scope": "scale_out", "p2p_alpha": "20us", "status": "assumed", **READ},
    },
    "instances": {
        "shop/mini-1": machine("shop/mini-1", "mini", 1, "none", price("eu-1", "eu", on_demand="$0.8/h", spot="$0.3/h")),
        "shop/mid-2": machine(
            "shop/mid-2", "mid", 2, "pcie",
            price("eu-1", "eu", on_demand="$2.6/h", reserved_1y="$1.7/h"), price("us-1", "us", on_demand="$2.2/h"),
        ),
        "mart/max-4": machine("mart/max-4", "max", 4, "link", price("us-1", "us", on_demand="$11/h", reserved_1y="$7/h")),
        "mart/max-1": machine("mart/max-1", "max", 1, "none", price("us-1", "us", on_demand="$3/h")),
    },
    "models": {
        "org/small": model(24, 2048, 16, 3.0, 50.0),
        "org/large": model(48, 5120, 40, 24.0, 80.0, licence="custom"),
    },
    "precisions": {
        "bf16": {"bits_per_weight": 16, "compute": "bf16", "universal": True, **READ},
        "fp8": {
            "bits_per_weight": 8, "compute": "fp8", "needs": ["fp8"], "universal": True,
            "recoveries": [{"recovery": 0.98, "low": 0.95, **READ}], **READ,
        },
    },
    "kv_precisions": {"kv-bf16": {"bits": 16, "recovery": 1.0, **READ}},
    "engines": {
        "engine": {
            "name": "Engine", "version": "1.0", "batching": "continuous", "allocation": "paged", "vendors": ["nvidia"],
            "precisions": ["bf16", "fp8"], "kv_precisions": ["kv-bf16"], "memory_fraction": "90%", "runtime_reserve": "1GB",
            "activation_floor": "1GB", "max_sequences": 256, "chunk_tokens": 2048, **READ,
        }
    },
    "coefficients": {f"{name}/any/any": {"accelerator": name, **KERNELS} for name in ("mini", "mid", "max")},
    "benchmarks": {"exam": {"task": "knowledge", **READ}},
    "apis": {
        "cloud/small": {
            "provider": "cloud", "model": "small", "open_model": "org/small", "input_price": "$0.30/Mtok",
            "output_price": "$1.20/Mtok", "max_context": 32768, **READ,
            "latency": {"ttft_mean": "300ms", "ttft_p95": "800ms", "tpot_mean": "10ms", "tpot_p95": "25ms", **READ},
        }
    },
}  # fmt: skip


def workload(name: str = "chat", rate: Any = "4 req/s", **fields: Any) -> dict[str, Any]:
    """Return a chat workload; fields replace its own."""
    base: dict[str, Any] = {
        "demand": {"rate": rate},
        "input_tokens": {"mean": 800, "p95": 2000, "maximum": 8000},
        "output_tokens": {"mean": 200, "p95": 500, "maximum": 2000},
        "objectives": [
            {"metric": "ttft", "percentile": 95, "target": "1500ms"},
            {"metric": "tpot", "percentile": 95, "target": "60ms"},
        ],
        "data": {"external_api": False},
    }
    return {"name": name, **base, **fields}


def problem(*workloads: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a problem over the tiny catalog, solved to a gap of 0."""
    return {
        "apiVersion": "planner/v1",
        "metadata": {"name": "tiny"},
        "workloads": list(workloads or (workload(),)),
        "solver": {"gap": 0, "time_limit": "20s"},
        **fields,
    }


def load(folder: Path, made: dict[str, Any], facts: dict[str, Any] | None = None) -> LoadedProblem:
    """Write problem and catalog to a folder (JSON is YAML) and load them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.yaml").write_text(json.dumps(facts if facts is not None else CATALOG))
    path = folder / "problem.yaml"
    path.write_text(json.dumps({**made, "catalogs": {"builtin": False, "files": ["catalog.yaml"]}}))
    return load_problem(path)
