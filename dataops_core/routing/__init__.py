"""From a query to a workflow and its parameters, without a model. Standard library only."""
