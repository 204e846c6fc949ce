"""LiteLLM: a configuration of its proxy, which answers each stream under a name of its own, by the plan's weights."""

from __future__ import annotations

from planner.domain.plan_pools import ApiRoute, Pool, ProvisionedRoute
from planner.export.commands import settings_of
from planner.export.files import Document, Export, File, missing
from planner.export.pods import POD
from planner.export.routes import Target, Ways, routes_of
from planner.export.view import View

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "google": "gemini",
    "together": "together_ai",
    "fireworks": "fireworks_ai",
    "x-ai": "xai",
    "openrouter": "openrouter",
    "cerebras": "cerebras",
    "novita": "novita",
    "perplexity": "perplexity",
}
"""Provider as in `genai-prices` → prefix of LiteLLM (docs.litellm.ai/docs/providers, read 2026-11)."""

MODES = {"embed": "embedding", "rerank": "rerank"}
"""Role → LiteLLM's mode; others chat."""


def config(view: View) -> Export:
    """Return the proxy's configuration.

    Parameters
    ----------
    view : the plan

    Returns
    -------
    Export
        `config.yaml`: a model a stream, an entry for each pool and API that answers it, weights of the plan; fallbacks from the
        small to the large model of a cascade. Who decides when to ask the large one is the application, or its router.
    """
    ways = routes_of(view)
    if len(view.clusters) > 1:
        view.notes.add("pools stand in several clusters, and addresses of services hold within one: put those that lead there")
    runnable = {served.pool.name for served in view.pools}
    body: Document = {
        "model_list": [entry for way in ways for target in way.targets if (entry := _entry(view, way, target, runnable))],
        "router_settings": {"routing_strategy": "simple-shuffle", **_fallbacks(view, ways)},
    }
    return Export("litellm", (File("config.yaml", (body,), notes=tuple(_told(ways))),), view.notes.lines)


def model_name(way: Ways) -> str:
    """Return the name under which callers ask for a stream."""
    return way.calls.name.replace(" ", "-")


def _told(ways: tuple[Ways, ...]) -> list[str]:
    """Say in comments who answers what."""
    return [
        f"{model_name(way)}: "
        + ", ".join(f"{target.name} {target.rate:.3g}/s (weight {target.weight})" for target in way.targets)
        for way in ways
    ]


def _entry(view: View, way: Ways, target: Target, runnable: set[str]) -> Document | None:
    """Return an entry of the list of models; None for a pool that no export starts."""
    route = target.route
    if isinstance(route, Pool):
        if route.name not in runnable:
            return None
        params = _own(view, route)
    else:
        params = _api(view, route)
    return {
        "model_name": model_name(way),
        "litellm_params": {**params, "weight": target.weight},
        "model_info": {"id": f"{model_name(way)} on {target.name}", "mode": MODES.get(way.calls.role, "chat")},
    }


def _own(view: View, pool: Pool) -> Document:
    """Return how a pool is called: by the address of its service in the cluster."""
    served = next(one for one in view.pools if one.pool is pool)
    line = settings_of(served, view.notes, POD).line
    prefix = "hosted_vllm" if line.engine == "vllm" else "openai"
    key = {} if line.engine == "vllm" else {"api_key": "none"}
    address = f"http://{served.label}.{view.wishes.namespace}.svc:{line.port}/v1"
    return {"model": f"{prefix}/{pool.deployment.model}", "api_base": address, **key}


def _api(view: View, route: ApiRoute | ProvisionedRoute) -> Document:
    """Return how an API is called; the key comes from the environment."""
    part = next(one for one in view.serving.apis if one.api == route.api)
    if isinstance(route, ProvisionedRoute):
        view.notes.add(f"{route.name}: name the deployment that holds the units, which this plan does not know")
    elif route.batch:
        view.notes.add(f"{route.api}: these calls go to its batch API, which the proxy does not use by itself")
    prefix = PROVIDERS.get(part.provider)
    if prefix is None:
        prefix = missing(f"provider {part.provider}")
        view.notes.add(f"{route.api}: LiteLLM's prefix of provider {part.provider} is not known; put it for {prefix}")
    return {"model": f"{prefix}/{part.model}", "api_key": f"os.environ/{_variable(part.provider)}"}


def _variable(provider: str) -> str:
    """Return the variable that holds a provider's key."""
    return f"{provider.upper().replace('-', '_')}_API_KEY"


def _fallbacks(view: View, ways: tuple[Ways, ...]) -> Document:
    """Return what answers when the small model of a cascade fails: the large one."""
    large = {(way.calls.workload, way.calls.stage): model_name(way) for way in ways if way.calls.part == "large"}
    found = [
        {model_name(way): [large[place]]}
        for way in ways
        if way.calls.part == "small" and (place := (way.calls.workload, way.calls.stage)) in large
    ]
    if found:
        view.notes.add("which calls of a cascade go to the large model the application decides: fallbacks cover failures only")
    return {"fallbacks": found} if found else {}
