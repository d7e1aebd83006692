import os

from growfit_local import environment


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path, monkeypatch):
    dotenv = tmp_path / ".env"
    dotenv.write_text("LLM_MODEL=from-file\nLOG_LEVEL=DEBUG\nAPP_ENV=\nUNKNOWN=1\n")
    for name in ("LOG_LEVEL", "APP_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLM_MODEL", "from-environment")

    chosen = environment.chosen(dotenv)

    assert chosen["LLM_MODEL"] == "from-environment"
    assert chosen["LOG_LEVEL"] == "DEBUG"
    assert chosen["APP_ENV"] == "dev"
    assert "UNKNOWN" not in chosen


def test_the_file_speaks_for_the_commands_too_where_the_environment_does_not(tmp_path, monkeypatch):
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=8009\nGROWFIT_HOST=127.0.0.2\nGROWFIT_HOME=\nLOG_LEVEL=DEBUG\n")
    for name in ("PORT", "GROWFIT_HOME", "LOG_LEVEL"):
        # Set first, so that what the file puts there is taken away again at the end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("GROWFIT_HOST", "127.0.0.3")

    environment.adopt(dotenv)

    assert (os.environ["PORT"], os.environ["GROWFIT_HOST"]) == ("8009", "127.0.0.3")
    assert {"GROWFIT_HOME", "LOG_LEVEL"} & set(os.environ) == set()
