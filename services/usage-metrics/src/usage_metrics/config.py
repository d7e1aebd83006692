from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """usage-metrics needs what every service needs, and nothing more yet."""
