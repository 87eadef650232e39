"""The five middlewares of the core; `dataops_core.decorators` offers them as decorators."""
