"""`python -m webqx_supervisor` is the command webqx-sv."""

from webqx_supervisor.cli.main import main

main()
