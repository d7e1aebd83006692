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
