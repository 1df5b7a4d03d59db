from argon2 import PasswordHasher

from hub.auth import passwords


async def test_the_right_password_is_right_and_fresh():
    stored = await passwords.hash_password("correct horse")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify_password("correct horse", stored) == passwords.Verdict(True, False)


async def test_a_wrong_password_an_unknown_account_and_a_broken_hash_are_just_wrong():
    stored = await passwords.hash_password("correct horse")
    for password, known in [("Correct horse", stored), ("correct horse", None), ("correct horse", "not a hash")]:
        assert await passwords.verify_password(password, known) == passwords.Verdict(False, False)


async def test_a_hash_with_older_parameters_asks_for_a_fresh_one():
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("correct horse")
    assert await passwords.verify_password("correct horse", old) == passwords.Verdict(True, True)


async def test_composed_and_decomposed_letters_are_one_password():
    stored = await passwords.hash_password("K\u00f6ln am Rhein")
    assert (await passwords.verify_password("Ko\u0308ln am Rhein", stored)).is_right


def test_an_unknown_account_costs_what_a_known_one_costs():
    assert not passwords._HASHER.check_needs_rehash(passwords._DUMMY_HASH)
