"""What must be there after a library sent the fixed set of events: 200 views of ten visitors, who are then identified."""

import collections


def check_fixed_events(server, asked):
    """`asked` are the events that the library sends by itself about the flag it was asked for."""
    expected = {"viewed": 200, "$identify": 10, "$create_alias": 10, "$groupidentify": 1, **asked}
    server.wait_for(sum(expected.values()), 5.0)
    rows = server.follow("/api/projects/@current/events/?limit=77")
    assert max(collections.Counter(row["id"] for row in rows).values()) == 1
    assert collections.Counter(row["event"] for row in rows) == expected
    viewed = [row for row in rows if row["event"] == "viewed"]
    assert sorted(row["properties"]["n"] for row in viewed) == list(range(200))
    assert all(row["properties"]["$group_0"] == f"c{row['properties']['n'] % 3}" for row in viewed)
    for number in range(10):
        person = server.get(f"/api/projects/@current/persons/?distinct_id=anon-{number}")["results"][0]
        assert {f"anon-{number}", f"user-{number}"} == set(person["distinct_ids"])
        assert person["properties"]["email"] == f"user-{number}@example.com"
        mine = server.follow(f"/api/projects/@current/events/?person_id={person['uuid']}&limit=7")
        assert len([row for row in mine if row["event"] == "viewed"]) == 20
