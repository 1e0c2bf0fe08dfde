"""Whether an old reader can read what a new writer says."""

from typing import Any


def breaks(old: dict[str, Any], new: dict[str, Any], where: str = "") -> list[str]:
    """What an old reader would trip over, in words. Empty: nothing.

    A writer may begin to send more. It may not stop sending what was required, send another type, or send a
    value that was not in the enumeration.
    """
    return _compare(_resolve(old, old), _resolve(new, new), old, new, where or "/")


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = root["$defs"][name]
    return schema


def _values(schema: dict[str, Any]) -> set[Any] | None:
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _kinds(schema: dict[str, Any], root: dict[str, Any]) -> set[str]:
    if "anyOf" in schema:
        return set[str]().union(*(_kinds(_resolve(one, root), root) for one in schema["anyOf"]))
    kind = schema.get("type")
    return {kind} if isinstance(kind, str) else set(kind or ())


def _compare(
    old: dict[str, Any], new: dict[str, Any], old_root: dict[str, Any], new_root: dict[str, Any], where: str
) -> list[str]:
    found: list[str] = []
    old_kinds, new_kinds = _kinds(old, old_root), _kinds(new, new_root)
    if old_kinds and new_kinds - old_kinds:
        found.append(f"{where}: another type ({new_kinds - old_kinds})")
    old_values, new_values = _values(old), _values(new)
    if old_values is not None and (new_values is None or new_values - old_values):
        found.append(f"{where}: a new value ({(new_values or {'any'}) - old_values})")
    for name in old.get("properties", {}):
        path = f"{where}{name}/"
        if name not in new.get("properties", {}):
            found.append(f"{path}: no longer sent")
            continue
        if name in old.get("required", ()) and name not in new.get("required", ()):
            found.append(f"{path}: no longer always sent")
        found += _compare(
            _resolve(old["properties"][name], old_root), _resolve(new["properties"][name], new_root), old_root,
            new_root, path,
        )  # fmt: skip
    if "items" in old and "items" in new:
        found += _compare(
            _resolve(old["items"], old_root), _resolve(new["items"], new_root), old_root, new_root, f"{where}*/"
        )
    return found
