"""The dashboard as Grafana (10 and later) imports it."""

from collections.abc import Iterator
from typing import Any, Final

from deploy.panels import Kind, Panel
from deploy.rows import ROWS

COLUMNS: Final = 24
HEIGHT: Final = {Kind.NUMBER: 4, Kind.LINES: 8}
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Everything; it names no data source, engine or address of anybody."""
    return {
        "__inputs": [],
        "__requires": [{"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"}],
        "title": "Flowork",
        "uid": "flowork",
        "tags": ["flowork"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_data_source(), _engine()]},
        "annotations": {"list": []},
        "links": [],
        "panels": list(_placed()),
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "hide": 0}


def _engine() -> dict[str, Any]:
    query = "label_values(flowork_slots, engine)"
    return {
        "name": "engine",
        "label": "Engine",
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "engine"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _placed() -> Iterator[dict[str, Any]]:
    """Rows below each other; within one from left to right, on a new line where the width is used up."""
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": _at(0, y, COLUMNS, 1)}
        y, x, tallest = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                y, x, tallest = y + tallest, 0, 0
            height = HEIGHT[Kind.LINES if panel.tall else panel.kind]
            number += 1
            yield {"id": number, "gridPos": _at(x, y, panel.width, height), **_panel(panel)}
            x, tallest = x + panel.width, max(tallest, height)
        y += tallest


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    numbers = panel.kind is Kind.NUMBER
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": _thresholds(panel),
        "min": None if panel.title.startswith("Error b") else 0,
    }
    if panel.most is not None:
        defaults["max"] = panel.most
    defaults |= {"color": {"mode": "thresholds"}} if numbers else {"color": {"mode": "palette-classic"}, "custom": _lines(panel)}
    return {
        "type": str(panel.kind),
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend, "instant": numbers}
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _number_options(panel) if numbers else _line_options(),
    }


def _ends(panel: Panel) -> dict[str, float]:
    return {name: value for name, value in (("min", panel.least), ("max", panel.most)) if value is not None}


def _thresholds(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"value": None, "color": "red" if panel.steps[:1] == ((0.0, "red"),) else "green"}]
    steps += [{"value": value, "color": color} for value, color in panel.steps if value]
    return {"mode": "absolute", "steps": steps}


def _lines(panel: Panel) -> dict[str, Any]:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 20 if panel.stacked else 5,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
    }


def _line_options() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _number_options(panel: Panel) -> dict[str, Any]:
    return {
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "name" if panel.named else "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
