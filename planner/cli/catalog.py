"""`planner catalog`: what the planner knows, where from, and how to add to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from planner.cli import json_output

_FACTS: dict[str, tuple[str, ...]] = {
    "accelerators": ("vendor", "memory", "bandwidth", "tdp"),
    "fabrics": ("scope", "status"),
    "instances": ("accelerator", "count"),
    "models": ("family", "licence", "max_context"),
    "precisions": ("bits_per_weight", "compute"),
    "kv_precisions": ("bits",),
    "engines": ("name", "version", "batching"),
    "coefficients": ("status", "error"),
    "factors": ("coefficient", "factor"),
    "evidence": ("points", "as_of"),
    "benchmarks": ("task", "unit"),
    "apis": ("provider", "model"),
    "owned": ("instance", "capex"),
    "fleet": ("instance", "count"),
    "routers": ("kind", "benchmark", "weak", "strong"),
    "semantic_caches": ("method", "traffic", "requests"),
    "context_effects": ("benchmark", "model"),
    "position_effects": ("task", "model", "passages"),
    "components": ("kind", "seller"),
    "finetunes": ("method", "model", "accelerator"),
    "speculators": ("method", "target"),
    "stores": ("seller", "index", "precision"),
    "egress": ("price",),
    "grids": ("carbon", "as_of"),
    "partitions": ("per_board", "memory", "compute"),
    "power_points": ("power", "compute"),
}


@click.group(epilog="\b\nExample:\n  planner catalog list accelerators")
def catalog() -> None:
    """Show, check and extend the facts that plans rest on."""


@catalog.command("list", epilog="\b\nExample:\n  planner catalog list models")
@click.argument("section", required=False)
@json_output.option("Print names as one JSON object.")
def list_(section: str | None, as_json: bool) -> None:
    """List the sections, or the names in one."""
    from planner.catalog.load import builtin_rows, load_builtin

    rows = builtin_rows().rows
    if section is not None:
        _known(section, list(rows))
    if as_json:
        chosen = {section: rows[section]} if section else rows
        names = {name: sorted(entries) for name, entries in chosen.items()}
        json_output.echo({"version": "catalog-list/v1", "digest": load_builtin().digest, "sections": names})
    elif section is None:
        _table([(name, str(len(entries))) for name, entries in rows.items()])
        click.echo(f"digest {load_builtin().digest}")
    else:
        _table([(name, *_facts(section, row)) for name, row in sorted(rows[section].items())])


@catalog.command(epilog="\b\nExample:\n  planner catalog show h100-sxm-80gb")
@click.argument("name")
@json_output.option("Print the rows as one JSON object.")
def show(name: str, as_json: bool) -> None:
    """Show everything known under a name, as it stands in the catalogs, with file and line."""
    import yaml

    from planner.catalog.load import builtin_rows, load_builtin
    from planner.catalog.suggest import remedy_for
    from planner.errors import InvalidInput

    rows = builtin_rows()
    wanted = {name, load_builtin().resolve_model(name) or name}
    found = [(section, key) for section, entries in rows.rows.items() for key in entries if key in wanted]
    if not found:
        known = [key for entries in rows.rows.values() for key in entries]
        raise InvalidInput.at("catalog", f"nothing is named {name!r}", remedy_for(name, known, "`planner catalog list`"))
    if as_json:
        shown = [
            {"section": section, "name": key, "file": file, "line": line, "row": rows.rows[section][key]}
            for section, key in found
            for file, line, _ in [rows.locate((section, key))]
        ]
        json_output.echo({"version": "catalog-show/v1", "rows": shown})
        return
    for section, key in found:
        file, line, _ = rows.locate((section, key))
        click.echo(f"# {file}:{line}")
        text = yaml.safe_dump({section: {key: rows.rows[section][key]}}, sort_keys=False, allow_unicode=True, width=110)
        click.echo(text)


@catalog.command(epilog="\b\nExample:\n  planner catalog validate prices.yaml models.yaml")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@json_output.option()
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Check catalog files as a problem would use them: over the built-in catalogs."""
    from planner.catalog.load import check_files

    checked = check_files(files)
    if as_json:
        read = json_output.files(files, "catalog")
        json_output.echo({"version": "catalog-validate/v1", "valid": True, "digest": checked.digest, "files": read})
        return
    click.echo(f"valid: {', '.join(str(file) for file in files)}; digest with the built-in catalogs {checked.digest}")


@catalog.command("import", epilog="\b\nExample:\n  planner catalog import config.json --id Qwen/Qwen3-8B -o my-models.yaml")
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.json")
@click.option("--id", "model_id", metavar="ID", help="Hugging Face id; absent = as the config says.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the entry here instead of stdout.")
@json_output.option("Print one JSON object: the entry, as text too.")
def import_(config: Path, model_id: str | None, output: Path | None, as_json: bool) -> None:
    """Turn a Hugging Face config.json into a model entry, parameter counts derived."""
    from planner import atomic
    from planner.catalog.huggingface import import_file
    from planner.catalog.model_yaml import to_yaml
    from planner.catalog.yamlfile import parse

    text = to_yaml(*import_file(config, model_id))
    if output is not None:
        atomic.write(output, text)
    if as_json:
        files = json_output.files([] if output is None else [output], "catalog")
        json_output.echo({"version": "catalog-import/v1", **parse(text, str(config)).data, "text": text, "files": files})
    elif output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"wrote {output}; use it under catalogs.files in a problem")


def _known(section: str, sections: list[str]) -> None:
    from planner.catalog.suggest import remedy_for
    from planner.errors import InvalidInput

    if section not in sections:
        raise InvalidInput.at("catalog", f"there is no section {section!r}", remedy_for(section, sections))


def _facts(section: str, row: dict[str, Any]) -> list[str]:
    return [str(row.get(field, "-")) for field in _FACTS[section]]


def _table(rows: list[tuple[str, ...]]) -> None:
    """Print columns aligned, so that they read well and still suit `grep` and `awk`."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
