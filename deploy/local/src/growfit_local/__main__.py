from growfit_local import environment
from growfit_local.cli import cli
from growfit_local.home import REPOSITORY

if __name__ == "__main__":
    environment.adopt(REPOSITORY / ".env")
    cli()
