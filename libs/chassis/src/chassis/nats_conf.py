"""The NATS server's configuration, with each user's permissions derived from `contracts.streams`.

`python -m chassis.nats_conf > deploy/nats/nats.conf`; a test holds the file to this. Public keys, the store's
folder and the ports come from the environment of the server.
"""

import sys
from collections.abc import Iterable

from chassis.bus import inbox_prefix
from contracts.streams import CONSUMERS, SERVICES, STREAMS, consumers_of

_HEAD = """\
# Generated from contracts.streams by `make nats-conf`; do not edit.
# Every $NAME is an environment variable of the server process.
server_name: growfit
listen: $NATS_LISTEN
http: $NATS_MONITOR
max_payload: 1MB

jetstream {
  store_dir: $NATS_STORE_DIR
  max_file_store: 16GB
  # Without this an acknowledged message may live in memory for two minutes. The quotes matter.
  sync_interval: "always"
}

accounts {
  GROWFIT {
    jetstream: enabled
    users: [
"""
_TAIL = """\
    ]
  }
  SYS {}
}
system_account: SYS
"""


def publishable(service: str) -> list[str]:
    """Subjects on which a user may publish: its own events, its dead letters, the API of its own durables."""
    subjects = [f"{service}.>"] if service in SERVICES else []
    for consumer in consumers_of(service):
        durable = f"{consumer.stream}.{consumer.durable}"
        if consumer.events:
            subjects += [f"dead.{event.type}" for event in consumer.events]
            # Only to read the original of a message whose deliveries are used up.
            subjects.append(f"$JS.API.STREAM.MSG.GET.{consumer.stream}")
        subjects += [
            f"$JS.API.CONSUMER.INFO.{durable}",
            f"$JS.API.CONSUMER.MSG.NEXT.{durable}",
            f"$JS.ACK.{durable}.>",
        ]
    return list(dict.fromkeys(subjects))


def provisioning() -> list[str]:
    """What `chassis.provision` asks for. It deletes nothing, so its key cannot either."""
    verbs = ("INFO", "CREATE", "UPDATE")
    return [
        *(f"$JS.API.STREAM.{verb}.{stream.name}" for stream in STREAMS for verb in verbs),
        *(f"$JS.API.CONSUMER.CREATE.{consumer.stream}.{consumer.durable}" for consumer in CONSUMERS),
    ]


def _subjects(subjects: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{subject}"' for subject in subjects) + "]"


def _user(name: str, publish: Iterable[str]) -> str:
    return (
        f"      {{ nkey: $NATS_{name.upper()}_PUBLIC, permissions: {{\n"
        f"        publish: {{ allow: {_subjects(publish)} }},\n"
        f"        subscribe: {{ allow: {_subjects([f'{inbox_prefix(name)}.>'])} }} }} }}\n"
    )


def render() -> str:
    users = [_user("provision", provisioning())]
    # For a person: to take away what the contracts no longer name. No process holds this key.
    users += [_user("operator", ["$JS.API.>"])]
    users += [_user(name, publishable(name)) for name in (*SERVICES, "analytics")]
    return _HEAD + "".join(users) + _TAIL


if __name__ == "__main__":
    sys.stdout.write(render())
