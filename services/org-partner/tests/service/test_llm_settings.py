"""LLM settings through the service, on the real database; names come from a table, never from the network."""

import asyncio
from uuid import uuid4

import pytest
from pydantic import SecretStr

from chassis import tenant
from chassis.errors import Forbidden, Invalid, NotFound
from chassis.sealing import SealBroken, Sealer
from contracts.org_partner import LlmSettingsChanged, Role
from org_partner.adapters.resolver_table import TableResolver
from org_partner.factory import wire
from org_partner.service import effective_models, permission
from org_partner.service.effective_models import Source
from org_partner.service.llm_levels import AtOrg, AtPartner
from org_partner.service.llm_settings import Wanted

PUBLIC = "93.184.215.14"
URL = "https://api.openai.com/v1"


@pytest.fixture(scope="module")
async def llm(settings):
    hosts = ("api.openai.com", "llm.example.com", "other.example.com")
    resolver = TableResolver({host: [[PUBLIC]] for host in hosts} | {"inside.example.com": [["10.0.0.1"]]})
    wired = wire(settings, resolver=resolver)
    yield wired
    await wired.database.close()


@pytest.fixture
async def school(world):
    return await world.school()


def wanted(*, api_key: str | None = None, keeps_key: bool | None = None, **values) -> Wanted:
    base = {"provider": None, "base_url": None, "model": None, "allowed_models": [], "price_override": {}}
    keeps = api_key is None if keeps_key is None else keeps_key
    return Wanted(**(base | values), api_key=SecretStr(api_key) if api_key else None, keeps_key=keeps)


def whole(**values) -> Wanted:
    base = {
        "provider": "openai",
        "base_url": URL,
        "model": "gpt-4.1-mini",
        "allowed_models": ["gpt-4.1-mini", "gpt-4.1"],
    }
    return wanted(**(base | values))


async def sealed(sql, school) -> bytes | None:
    query = "SELECT sealed_key FROM partner.llm_settings WHERE org_id = %s AND partner_id IS NULL"
    (row,) = await sql.rows(query, school.org.org_id)
    return row["sealed_key"]


async def refused(llm, person, level, form) -> str:
    with pytest.raises(Invalid) as caught:
        await llm.llm_settings.save(person.caller, level, form)
    return caught.value.code


async def test_what_is_saved_is_seen_with_its_source_and_told_without_the_key(llm, school, sql) -> None:
    level = AtOrg(school.org.org_id)
    prices = {"gpt-4.1": {"input": "2", "output": "8", "currency": "USD"}}

    saved = await llm.llm_settings.save(school.admin.caller, level, whole(api_key="sk-1", price_override=prices))

    seen = await llm.llm_settings.get(school.admin.caller, level)
    for view in (saved, seen):
        assert (view.own.provider, view.own.base_url, view.own.model) == ("openai", URL, "gpt-4.1-mini")
        assert view.own.has_key
        assert view.own.version == 1
        assert view.effective.base_url.source is Source.ORG
        assert view.inherited == effective_models.combine([])
        assert view.effective.prices["gpt-4.1"].value == prices["gpt-4.1"]
    (event,) = await sql.events(settings_id=seen.own.settings_id)
    assert event == LlmSettingsChanged(
        settings_id=seen.own.settings_id,
        org_id=school.org.org_id,
        provider="openai",
        model="gpt-4.1-mini",
        allowed_models=["gpt-4.1-mini", "gpt-4.1"],
        version=1,
        changed_at=seen.own.updated_at,
    )
    acts = await sql.rows(
        "SELECT action, actor_id, detail FROM partner.activities WHERE org_id = %s AND action LIKE 'llm%%'",
        school.org.org_id,
    )
    assert [(act["action"], act["actor_id"]) for act in acts] == [("llm_settings.saved", school.admin.user_id)]
    assert acts[0]["detail"]["api_key"] == "set"


async def test_the_key_is_bound_to_its_row(llm, school, sql, settings) -> None:
    await llm.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), whole(api_key="sk-bound"))
    (row,) = await sql.rows(
        "SELECT settings_id, sealed_key FROM partner.llm_settings WHERE org_id = %s", school.org.org_id
    )
    sealer = Sealer(settings.key_encryption_key.get_secret_value())

    bound_to = f"llm_settings:{school.org.org_id}:{row['settings_id']}:api_key"
    assert sealer.open(row["sealed_key"], bound_to=bound_to) == "sk-bound"
    for elsewhere in (
        f"llm_settings:{uuid4()}:{row['settings_id']}:api_key",
        f"llm_settings:{school.org.org_id}:{uuid4()}:api_key",
        f"llm_settings:{school.org.org_id}:{row['settings_id']}:other",
    ):
        with pytest.raises(SealBroken):
            sealer.open(row["sealed_key"], bound_to=elsewhere)


async def test_left_out_keeps_the_key_null_removes_it_and_text_sets_it(llm, school, sql) -> None:
    level, save = AtOrg(school.org.org_id), llm.llm_settings.save
    first = await save(school.admin.caller, level, whole(api_key="sk-1"))
    record = await sealed(sql, school)

    kept = await save(school.admin.caller, level, whole(model="gpt-4.1"))
    assert (await sealed(sql, school), kept.own.key_set_at) == (record, first.own.key_set_at)
    assert (kept.own.model, kept.own.version) == ("gpt-4.1", 2)

    anew = await save(school.admin.caller, level, whole(api_key="sk-2"))
    assert await sealed(sql, school) not in (record, None)
    assert anew.own.key_set_at > first.own.key_set_at

    gone = await save(school.admin.caller, level, whole(keeps_key=False))
    assert await sealed(sql, school) is None
    assert (gone.own.has_key, gone.own.key_set_at, gone.effective.has_key.value) == (False, None, False)


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://llm.example.com/v1"},
        {"base_url": "https://api.openai.com:8443/v1"},
        {"base_url": "https://api.openai.com/v2"},
        {"base_url": "https://api.openai.com/V1"},
        {"base_url": "https://api.openai.com"},
        {"provider": "other"},
        {"provider": None, "base_url": None},
    ],
)
async def test_a_key_does_not_follow_to_another_place(llm, school, sql, change) -> None:
    level = AtOrg(school.org.org_id)
    await llm.llm_settings.save(school.admin.caller, level, whole(api_key="sk-1"))
    record = await sealed(sql, school)

    assert await refused(llm, school.admin, level, whole(**change)) == "key_required"

    seen = await llm.llm_settings.get(school.admin.caller, level)
    assert (seen.own.provider, seen.own.base_url, seen.own.version) == ("openai", URL, 1)
    assert await sealed(sql, school) == record
    moved = await llm.llm_settings.save(school.admin.caller, level, whole(**change, keeps_key=False))
    assert not moved.own.has_key
    if moved.own.base_url:
        again = await llm.llm_settings.save(school.admin.caller, level, whole(api_key="sk-2", base_url=URL))
        assert again.own.has_key


@pytest.mark.parametrize("url", ["https://API.openai.com:443/v1/", "https://api.openai.com./v1"])
async def test_the_same_place_written_otherwise_keeps_the_key(llm, school, url) -> None:
    level = AtOrg(school.org.org_id)
    await llm.llm_settings.save(school.admin.caller, level, whole(api_key="sk-1"))

    assert (await llm.llm_settings.save(school.admin.caller, level, whole(base_url=url))).own.has_key


async def test_without_a_stored_key_the_place_may_change(llm, school) -> None:
    level = AtOrg(school.org.org_id)
    await llm.llm_settings.save(school.admin.caller, level, whole())

    moved = await llm.llm_settings.save(school.admin.caller, level, whole(base_url="https://llm.example.com/v1"))

    assert moved.own.base_url == "https://llm.example.com/v1"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (whole(base_url="https://inside.example.com/v1", api_key="sk"), "llm_address_private"),
        (whole(base_url="https://nobody.example.com/v1", api_key="sk"), "llm_host_unknown"),
        (whole(base_url="http://api.openai.com/v1", api_key="sk"), "llm_https_needed"),
        (whole(base_url="https://127.0.0.1/v1", api_key="sk"), "llm_address_private"),
        (whole(provider=None), "llm_provider_incomplete"),
        (whole(base_url=None), "llm_provider_incomplete"),
        (wanted(api_key="sk"), "llm_provider_incomplete"),
        (whole(provider="growfit"), "llm_provider_reserved"),
        (whole(model="gpt-9"), "model_not_allowed"),
        (wanted(model="gpt-4.1"), "model_not_allowed"),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(llm, school, sql, form, code) -> None:
    assert await refused(llm, school.admin, AtOrg(school.org.org_id), form) == code

    assert await sql.rows("SELECT 1 FROM partner.llm_settings WHERE org_id = %s", school.org.org_id) == []


async def test_a_partner_narrows_its_org_and_an_org_narrows_its_partners_at_once(llm, school) -> None:
    org, partner = AtOrg(school.org.org_id), AtPartner(school.partner.partner_id)
    save = llm.llm_settings.save
    await save(school.admin.caller, org, whole(api_key="sk-org"))

    assert await refused(llm, school.owner, partner, wanted(allowed_models=["gpt-4.1", "gpt-9"])) == "model_not_allowed"
    view = await save(school.owner.caller, partner, wanted(allowed_models=["gpt-4.1"], model="gpt-4.1"))
    assert view.effective.allowed_models.value == ("gpt-4.1",)
    assert view.effective.allowed_models.source is Source.PARTNER
    assert (view.effective.base_url.value, view.effective.has_key.value) == (URL, True)
    assert view.effective.base_url.source is view.inherited.base_url.source is Source.ORG

    await save(school.admin.caller, org, whole(allowed_models=["gpt-4.1-mini"]))
    view = await llm.llm_settings.get(school.owner.caller, partner)
    assert view.effective.allowed_models.value == ()
    assert view.own.allowed_models == ["gpt-4.1"]


async def test_a_partners_own_place_has_its_own_key_alone(llm, school) -> None:
    partner = AtPartner(school.partner.partner_id)
    await llm.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), whole(api_key="sk-org"))

    view = await llm.llm_settings.save(
        school.admin.caller, partner, wanted(provider="local", base_url="https://llm.example.com/v1")
    )

    assert (view.effective.provider.value, view.effective.has_key.value) == ("local", False)
    assert view.inherited.has_key.value is True


async def refused_owner(llm, school, form: Wanted | None) -> str:
    """None: clearing."""
    level = AtPartner(school.partner.partner_id)
    save, clear = llm.llm_settings.save, llm.llm_settings.clear
    with pytest.raises(Forbidden) as caught:
        await (clear(school.owner.caller, level) if form is None else save(school.owner.caller, level, form))
    return caught.value.code


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://other.example.com/v1"},
        {"base_url": f"{URL}/tenant"},
        {"provider": "other"},
        {"provider": None, "base_url": None},
        {"api_key": "sk-owner"},
        {"keeps_key": False},
        {"price_override": {}},
        {"price_override": {"gpt-4.1": {"input": "0", "output": "0", "currency": "USD"}}},
    ],
)
async def test_an_owner_changes_models_and_neither_the_address_nor_prices(llm, school, sql, change) -> None:
    partner, prices = (
        AtPartner(school.partner.partner_id),
        {"gpt-4.1": {"input": "1", "output": "2", "currency": "USD"}},
    )
    save = llm.llm_settings.save
    await save(school.admin.caller, AtOrg(school.org.org_id), whole())
    for form in (whole(), whole(api_key="sk-owner"), wanted(provider="other", base_url="https://other.example.com")):
        assert await refused_owner(llm, school, form) == "llm_address_by_admin"
    assert (await save(school.owner.caller, partner, wanted(keeps_key=False))).own.version == 1

    await save(school.admin.caller, partner, whole(api_key="sk-admin", price_override=prices))

    for form in (whole(**{"price_override": prices} | change), None):
        assert await refused_owner(llm, school, form) == "llm_address_by_admin"
    form = whole(
        base_url="https://API.openai.com/v1/", allowed_models=["gpt-4.1"], model="gpt-4.1", price_override=prices
    )
    saved = (await save(school.owner.caller, partner, form)).own
    assert (saved.provider, saved.base_url, saved.has_key, saved.version) == ("openai", URL, True, 3)
    assert (saved.allowed_models, saved.model, saved.price_override) == (["gpt-4.1"], "gpt-4.1", prices)
    await llm.llm_settings.clear(school.admin.caller, partner)
    await llm.llm_settings.clear(school.owner.caller, partner)


async def test_an_owner_has_no_name_looked_up(settings, school) -> None:
    resolver = TableResolver({})
    wired = wire(settings, resolver=resolver)

    with pytest.raises(Forbidden):
        await wired.llm_settings.save(school.owner.caller, AtPartner(school.partner.partner_id), whole())

    assert resolver.asked == []
    await wired.database.close()


async def test_clearing_gives_the_level_above_again_and_versions_go_on(llm, school, sql) -> None:
    org, partner = AtOrg(school.org.org_id), AtPartner(school.partner.partner_id)
    await llm.llm_settings.save(school.admin.caller, org, whole())
    await llm.llm_settings.clear(school.owner.caller, partner)
    await llm.llm_settings.save(school.owner.caller, partner, wanted(allowed_models=["gpt-4.1"]))

    await llm.llm_settings.clear(school.owner.caller, partner)

    view = await llm.llm_settings.get(school.owner.caller, partner)
    assert view.effective == view.inherited
    assert (view.own.version, view.own.has_key) == (2, False)
    events = await sql.events(settings_id=view.own.settings_id)
    assert [(event.version, event.allowed_models) for event in events] == [
        (1, ["gpt-4.1"]),
        (2, ["gpt-4.1-mini", "gpt-4.1"]),
    ]
    assert (await llm.llm_settings.save(school.owner.caller, partner, wanted())).own.version == 3


async def test_ten_at_once_are_one_row_and_ten_versions(llm, school, sql) -> None:
    level = AtOrg(school.org.org_id)

    views = await asyncio.gather(
        *(llm.llm_settings.save(school.admin.caller, level, whole(api_key=f"sk-{n}")) for n in range(10))
    )

    assert len({view.own.settings_id for view in views}) == 1
    assert sorted(view.own.version for view in views) == list(range(1, 11))


async def test_a_move_and_a_new_key_at_once_never_leave_a_key_at_a_place_it_is_not_for(llm, school, sql) -> None:
    level, save = AtOrg(school.org.org_id), llm.llm_settings.save
    await save(school.admin.caller, level, whole(api_key="sk-openai"))

    async def try_save(form) -> str:
        try:
            await save(school.admin.caller, level, form)
        except Invalid as error:
            return error.code
        return "saved"

    other = "https://other.example.com/v1"
    forms = [whole(base_url=other, api_key="sk-other"), whole(base_url=other), whole(), whole(api_key="sk-openai")]
    answers = await asyncio.gather(*(try_save(form) for form in forms * 3))

    row = (
        await sql.rows(
            "SELECT base_url, sealed_key, settings_id FROM partner.llm_settings WHERE org_id = %s", school.org.org_id
        )
    )[0]
    sealer = llm.llm_keys._keys._sealer
    key = sealer.open(row["sealed_key"], bound_to=f"llm_settings:{school.org.org_id}:{row['settings_id']}:api_key")
    assert set(answers) <= {"saved", "key_required"}
    assert (row["base_url"], key) in {(URL, "sk-openai"), (other, "sk-other")}


async def test_who_may_read_and_who_may_write(llm, world, school) -> None:
    org, partner = AtOrg(school.org.org_id), AtPartner(school.partner.partner_id)
    people = {
        "owner": school.owner,
        "instructor": await world.staff(school, Role.INSTRUCTOR),
        "assistant": await world.staff(school, Role.ASSISTANT),
        "student": await world.student(school),
        "sibling": (await world.sibling(school)).owner,
        "other": (await world.school()).admin,
    }

    async def answer(call) -> str:
        try:
            await call
        except (NotFound, Forbidden) as error:
            return type(error).__name__
        return "ok"

    found = {}
    for name, person in people.items():
        found[name] = (
            await answer(llm.llm_settings.get(person.caller, org)),
            await answer(llm.llm_settings.save(person.caller, org, wanted())),
            await answer(llm.llm_settings.get(person.caller, partner)),
            await answer(llm.llm_settings.save(person.caller, partner, wanted())),
            await answer(llm.llm_settings.get_for_class(person.caller, school.group.class_id)),
        )

    assert found == {
        "owner": ("Forbidden", "Forbidden", "ok", "ok", "ok"),
        "instructor": ("Forbidden", "Forbidden", "ok", "Forbidden", "ok"),
        "assistant": ("Forbidden", "Forbidden", "Forbidden", "Forbidden", "Forbidden"),
        "student": ("NotFound", "NotFound", "NotFound", "NotFound", "Forbidden"),
        "sibling": ("Forbidden", "Forbidden", "NotFound", "NotFound", "NotFound"),
        "other": ("NotFound",) * 5,
    }


async def test_nobody_has_a_name_looked_up_for_them_without_a_right_to_it(settings, world, school) -> None:
    resolver = TableResolver({})
    wired = wire(settings, resolver=resolver)
    stranger = await world.person()

    with pytest.raises(NotFound):
        await wired.llm_settings.save(stranger.caller, AtOrg(school.org.org_id), whole())

    assert resolver.asked == []
    await wired.database.close()


async def test_a_class_sees_what_holds_with_its_own_narrowing(llm, school, sql) -> None:
    await llm.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), whole(api_key="sk"))
    await sql.rows("UPDATE partner.classes SET allowed_models = '{gpt-4.1}' WHERE class_id = %s", school.group.class_id)

    view = await llm.llm_settings.get_for_class(school.owner.caller, school.group.class_id)

    assert view.effective.allowed_models.value == ("gpt-4.1",)
    assert view.effective.allowed_models.source is Source.CLASS
    assert (view.effective.model.value, view.effective.model.source) == ("gpt-4.1", Source.CLASS)
    assert view.inherited.allowed_models.value == ("gpt-4.1-mini", "gpt-4.1")


async def test_a_class_may_be_given_what_its_partner_may_use_and_nothing_else(llm, school) -> None:
    async def check(*names: str) -> None:
        async with llm.database.transaction(tenant.of(school.owner.caller)) as session:
            scope = await permission.in_partner(
                session, school.owner.caller, school.partner.partner_id, allowed=permission.TEACH
            )
            await effective_models.check(session, scope, names)

    await check("growfit-extractive")
    with pytest.raises(Invalid) as caught:
        await check("gpt-4.1", "growfit-extractive", "another")
    assert caught.value.values == {"models": ["another", "gpt-4.1"], "allowed": ["growfit-extractive"]}
    await llm.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), whole())
    await check("gpt-4.1")


async def test_an_owner_does_not_clear_prices_either(llm, school) -> None:
    partner = AtPartner(school.partner.partner_id)
    prices = {"growfit-extractive": {"input": "1", "output": "2", "currency": "USD"}}
    await llm.llm_settings.save(school.admin.caller, partner, wanted(price_override=prices))

    assert await refused_owner(llm, school, None) == "llm_address_by_admin"
    await llm.llm_settings.clear(school.admin.caller, partner)
