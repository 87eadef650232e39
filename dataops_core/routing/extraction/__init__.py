"""The rules that find the values of parameters in a query, one idea a module. `routing.parameters` is their entry."""
