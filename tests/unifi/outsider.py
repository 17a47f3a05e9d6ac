"""Drives the sandbox's UniFi console by public client libraries, which know nothing of ours.

HOST and PORT say where the console is by TLS, TOKEN is one of its API tokens, CONTROL is the sandbox's control API.
"""

import http.server
import json
import os
import queue
import threading
import time
import urllib.request

from aiounifiaccess.events.signature import verify_webhook_signature
from unifi_access.client import UniFiAccessClient
from unifi_access.exceptions import AuthenticationError, UniFiAccessError

HOST, PORT, TOKEN, CONTROL = (os.environ[name] for name in ("HOST", "PORT", "TOKEN", "CONTROL"))
console = UniFiAccessClient(f"https://{HOST}", TOKEN, port=PORT)


def control(path, body):
    request = urllib.request.Request(f"{CONTROL}/unifi{path}", json.dumps(body).encode(), method="POST")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def refused(code, call):
    try:
        call()
    except UniFiAccessError as error:
        assert code in str(error), error
    else:
        raise AssertionError(f"not refused: {code}")


class Hook(http.server.BaseHTTPRequestHandler):
    told = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Hook.told.put((self.headers["signature"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


# Doors.
doors = {door["name"]: door for door in console.spaces.fetch_all_doors()}
room = doors["Room 1"]["id"]
assert doors["Room 1"]["door_lock_relay_status"] == "lock", doors
assert console.spaces.fetch_door(room)["is_bind_hub"] is True
topology = console.spaces.fetch_door_group_topology()
assert {group["type"] for group in topology} == {"building", "access"}, topology
refused("CODE_NOT_EXISTS", lambda: console.spaces.fetch_door("nowhere"))

# A webhook, by the signature check of the other library.
server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = console._make_request(
    "POST",
    "/developer/webhooks/endpoints",
    json={"endpoint": f"http://127.0.0.1:{server.server_port}/", "name": "out", "events": ["access.door.unlock"]},
)
console.spaces.unlock_door(room, actor_id="7", actor_name="Ada", extra={"why": "test"})
signature, body = Hook.told.get(timeout=10)
assert verify_webhook_signature(endpoint["secret"], signature, body), signature
assert not verify_webhook_signature("another", signature, body)
told = json.loads(body)
assert told["event"] == "access.door.unlock" and told["data"]["actor"]["name"] == "Ada", told
assert console.spaces.fetch_door(room)["door_lock_relay_status"] == "unlock"

# A hold.
console.spaces.set_temporary_door_locking_rule(room, "custom", interval=10)
rule = console.spaces.fetch_door_lock_rule(room)
assert rule["type"] == "custom" and 590 <= rule["ended_time"] - time.time() <= 601, rule
console.spaces.set_temporary_door_locking_rule(room, "reset")
assert console.spaces.fetch_door_lock_rule(room)["type"] == "", "reset"

# A visitor with a PIN.
now = int(time.time())
visitor = console.visitors.create_visitor(
    "Ana",
    "B",
    now - 60,
    now + 3600,
    remarks="an outsider's",
    resources=[{"id": room, "type": "door"}],
    week_schedule={"everyday": [{"start_time": "00:00:00", "end_time": "23:59:59"}]},
)
pin = console.credentials.generate_pin_code()
console.visitors.assign_pin_code_to_visitor(visitor["id"], pin)
assert control(f"/doors/{room}/pins", {"pin": pin})["opens"] is True
assert console.visitors.fetch_visitor(visitor["id"])["status"] == "VISITING"
listed = console.visitors.fetch_all_visitors(page_num=1, page_size=25)
assert [it["remarks"] for it in listed] == ["an outsider's"], listed
logs = console.system_logs.fetch_system_logs("door_openings", page_num=1, page_size=25)
providers = [hit["_source"]["authentication"]["credential_provider"] for hit in logs["hits"]]
assert providers == ["PIN_CODE", "REMOTE_THROUGH_UAH"], logs
console.visitors.delete_visitor(visitor["id"])
assert control(f"/doors/{room}/pins", {"pin": pin})["opens"] is False
refused("CODE_NOT_EXISTS", lambda: console.visitors.fetch_visitor(visitor["id"]))

# A token that the console does not know.
try:
    UniFiAccessClient(f"https://{HOST}", "another", port=PORT).spaces.fetch_all_doors()
except AuthenticationError:
    print("ALL AS OUTSIDERS EXPECT")
