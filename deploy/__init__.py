"""What watches a Flowork from outside: rules for Prometheus and a dashboard for Grafana, written by `make docs` from these modules."""
