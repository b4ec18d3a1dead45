"""services.toml to model and back."""
