"""Pluggy's manager of our hooks. Imported when the first plugin is loaded: listing needs neither."""

from __future__ import annotations

from typing import Any

import pluggy

from dataops_core.contracts import hookspecs


class HookManager(pluggy.PluginManager):
    """Pluggy's manager; it looks at attributes that are named like our hooks and at nothing else of a module."""

    def __init__(self) -> None:
        super().__init__(hookspecs.PROJECT)
        self.add_hookspecs(hookspecs)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Returns the options of a hook implementation, or None."""
        return super().parse_hookimpl_opts(plugin, name) if name.startswith(f"{hookspecs.PROJECT}_") else None
