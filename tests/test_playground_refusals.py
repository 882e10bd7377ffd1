"""The playground and what is wrong: messages, files, doors, the command."""

import json
import socket
import threading

import pytest

from neural import cli
from neural.errors import NeuralError
from neural.playground import messages
from tests.playground_client import HOME, PORT, WebSocketDisconnect, ask, door, server

pytestmark = pytest.mark.usefixtures("time_enough")


# --- mistakes ------------------------------------------------------------------------------------------------------
BAD = [
    {}, {"do": 3}, {"do": "dance"}, {"do": "train", "epochs": 0}, {"do": "train", "epochs": 1.5},
    {"do": "train", "rows": 2},
    {"do": "train", "updates": -1}, {"do": "train", "updates": "many"}, {"do": "train", "updates": 10**30},
    {"do": "inspect"}, {"do": "inspect", "layer": 9, "unit": 0}, {"do": "inspect", "layer": 0, "unit": 99},
    {"do": "inspect", "layer": True, "unit": 0}, {"do": "inspect", "layer": 0, "unit": 0, "point": [1]},
    {"do": "inspect", "layer": 0, "unit": 0, "point": [1, 1e300]},
    {"do": "inspect", "layer": 0, "unit": 0, "point": "x"},
    {"do": "configure"}, {"do": "configure", "settings": []}, {"do": "configure", "settings": {"widths": 3}},
    *({"do": "configure", "settings": {"hidden": value}} for value in (
        3, "tanh", [3], [{}], [{"units": 10**9, "activation": "tanh"}], [{"units": 0, "activation": "tanh"}],
        [{"units": 2.5, "activation": "tanh"}], [{"units": 2, "activation": "softmax"}],
        [{"units": 2, "activation": 7}],
        [{"units": 2, "activation": "__class__"}], [{"units": 2, "activation": "tanh"}] * 7)),
    *({"do": "configure", "settings": {"learning_rate": value}} for value in (
        -1, "fast", None, [], 1e9, 10**400, True)),
    *({"do": "configure", "settings": value} for value in (
        {"data": "mnist"}, {"data": None}, {"samples": 10**9}, {"samples": 1}, {"noise": -1}, {"test_fraction": 1},
        {"data_seed": -1}, {"seed": 2**64}, {"dropout": 1}, {"optimizer": "lbfgs"}, {"optimizer": ["sgd"]},
        {"schedule": "never"}, {"epochs": 0}, {"batch_size": 0}, {"l1": -1}, {"l2": "a"}, {"columns": ["a"]},
        {"columns": [1, 2]}, {"target": "x" * 1000}, {"data": "csv", "columns": ["a", "b"], "target": "c"})),
    {"do": "csv", "name": "x"}, {"do": "csv", "name": 3}, {"do": "classify"}, {"do": "test_image", "number": 1},
    {"do": "load"}, {"do": "restart", "now": True},
]  # fmt: skip


@pytest.mark.parametrize("message", BAD, ids=lambda message: json.dumps(message)[:70])
def test_a_bad_message_is_answered_by_a_sentence_and_the_session_lives(page, message):
    assert ask(page, do="train", epochs=1)["epoch"] == 1
    refused = ask(page, **message)
    assert refused["kind"] == "error"
    assert refused["message"].endswith((".", "?"))
    assert "mistake" not in refused["message"]
    found = ask(page, do="train", epochs=1)
    assert (found["epoch"], found["rate"]) == (2, 0.01)


@pytest.mark.parametrize(
    "raw",
    ["", "x", "[]", "3", '{"do": "train", "epochs": NaN}',
     '{"do": "configure", "settings": {"learning_rate": Infinity}}',
     "[" * 100000, '{"do": ' + "9" * 5000 + "}", b"", b"abc", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00{}",
     b"\x03\x00\x00\x00\xff\xfe\xfd", b"\x02\x00\x00\x00[]"],
    ids=lambda raw: repr(raw)[:40],
)  # fmt: skip
def test_what_is_no_message_is_refused_too(page, raw):
    (page.send_text if isinstance(raw, str) else page.send_bytes)(raw)
    assert json.loads(page.receive()["text"])["kind"] == "error"
    assert ask(page, do="train", epochs=1)["epoch"] == 1


FILES = {
    "empty": b"", "a line": b"a,b,c\n", "not UTF-8": b"a,b\n\xff\xfe,1\n",
    "ragged": b"a,b\n1,2\n3\n", "names twice": b"a,a\n1,2\n", "no name": b"a,\n1,2\n", "an open quote": b'a,b\n"1,2\n',
    "too many columns": b",".join(b"c%d" % k for k in range(300)) + b"\n" + b",".join([b"1"] * 300),
    "too many rows": b"a,b\n" + b"1,2\n" * 20001, "too large": b"a,b\n" + b"1" * (3 << 20),
    "a long cell": b"a,b\n" + b"1" * 200000,
}  # fmt: skip


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_that_is_none_is_refused_with_its_name(page, content):
    refused = ask(page, content, do="csv", name="bad.csv")
    assert refused["kind"] == "error"
    assert "bad.csv" in refused["message"]


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ("1,2,a\n" * 30, "2 to 10"),
        ("".join(f"{k},{k},{k}\n" for k in range(30)), "2 to 10"),
        ("1,2,a\n" * 30 + "2,3,b\n", "at least 5 rows"),
        ("".join(f"1,{k},{'ab'[k % 2]}\n" for k in range(30)), "'x'"),
        ("".join(f"{k}e300,{k},{'ab'[k % 2]}\n" for k in range(30)), "'x'"),
        ("".join(f"nan,{k},{'ab'[k % 2]}\n" for k in range(30)), "2 to 10"),
    ],
)
def test_columns_that_cannot_be_learnt_are_refused(page, rows, rule):
    ask(page, b"x,y,kind\n" + rows.encode(), do="csv", name="bad.csv")
    chosen = {"data": "csv", "columns": ["x", "y"], "target": "kind"}
    refused = ask(page, do="configure", settings=chosen)
    assert refused["kind"] == "error"
    assert rule in refused["message"]
    assert ask(page, do="train")["epoch"] == 1


def test_divergence_is_told_and_restart_gets_over_it(page):
    layers = [{"units": 8, "activation": "relu"}] * 3
    ask(page, do="configure", settings={"hidden": layers, "learning_rate": 100, "optimizer": "sgd", "l2": 100})
    for _ in range(100):
        found = ask(page, do="train", epochs=10)
        if found["kind"] == "error":
            break
    assert "diverged" in found["message"]
    assert ask(page, do="train")["diverged"] is True
    assert ask(page, do="configure", settings={"hidden": layers})["diverged"] is True
    assert ask(page, do="restart")["diverged"] is False
    assert ask(page, do="train")["epoch"] == 1


def test_a_mistake_of_the_playground_itself_does_not_end_the_session(page, monkeypatch, capsys):
    def broken(session, payload):
        raise RuntimeError("oh")

    monkeypatch.setitem(messages.ANSWERS, "step", broken)
    assert "RuntimeError: oh" in ask(page, do="step")["message"]
    assert "Traceback" in capsys.readouterr().err
    assert ask(page, do="train")["epoch"] == 1


# --- the doors -----------------------------------------------------------------------------------------------------
def test_every_file_of_the_page_is_served_under_a_strict_policy_and_is_light(client):
    total = 0
    for path in server.FILES:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        total += len(answer.content)
    assert total < 300_000
    assert "/" in server.FILES


def test_the_page_names_no_other_place(client):
    for path in server.FILES:
        text = client.get(path).text.replace("http://www.w3.org/", "")
        assert "https:" not in text
        assert "http:" not in text
        assert "innerHTML" not in text


@pytest.mark.parametrize("path", ["/page/index.html", "/../server.py", "/%2e%2e/server.py", "/etc/passwd", "/session"])
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("headers", [
    {"host": "evil.example:8765"}, {"host": "127.0.0.1:80"}, {"host": "127.0.0.1"}, {"host": ""},
    {"host": "[::1]:8765"},
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": f"https://127.0.0.1:{PORT}"},
    {"origin": "http://127.0.0.1:9999"}, {"origin": f"http://localhost:{PORT}"}, {"origin": f"{HOME}.evil.example"},
], ids=str)  # fmt: skip
def test_pages_of_others_are_turned_away(client, headers):
    assert client.get("/", headers=headers).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        door(client, **{"origin": HOME, **headers}),
    ):
        pass


def test_a_websocket_needs_an_origin_and_both_names_do(client):
    with pytest.raises(WebSocketDisconnect), door(client):
        pass
    local = {"host": f"localhost:{PORT}", "origin": f"http://localhost:{PORT}"}
    with door(client, **local) as page:
        assert ask(page, do="hello")["kind"] == "hello"


def test_only_so_many_pages_are_open_at_a_time(client, monkeypatch):
    monkeypatch.setattr(server, "MOST_PAGES", 1)
    with door(client, origin=HOME) as page:
        with pytest.raises(WebSocketDisconnect), door(client, origin=HOME):
            pass
        assert ask(page, do="train")["epoch"] == 1
    with door(client, origin=HOME) as page:
        assert ask(page, do="train")["epoch"] == 1


def test_it_listens_on_this_machine_alone_and_says_when_a_port_is_taken():
    with server.listen(0) as found:
        address, port = found.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(NeuralError, match=f"Port {port} cannot be had"):
            server.listen(port)
    for bad in (-1, 70000, "http"):
        with pytest.raises((ValueError, TypeError)):
            server.listen(bad)


def test_it_serves_and_ends(monkeypatch):
    with server.listen(0) as found:
        running = server.server_for(found)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [found]})
        thread.start()
        try:
            port = found.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=10) as door:
                door.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                assert b"200 OK" in door.recv(1000)
        finally:
            running.should_exit = True
            thread.join(timeout=20)
        assert not thread.is_alive()


# --- the command ---------------------------------------------------------------------------------------------------
def test_the_command_says_where_it_is(monkeypatch, capsys):
    class Ended:
        def run(self, sockets):
            raise KeyboardInterrupt

    opened = []
    monkeypatch.setattr(server, "server_for", lambda found: Ended())
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    assert cli.main(["playground", "--port", "0", "--no-browser"]) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out
    assert opened == []


def test_the_command_without_its_extra_says_how_to_get_it(monkeypatch, capsys):
    import sys

    import neural.playground

    monkeypatch.delattr(neural.playground, "server", raising=False)
    monkeypatch.delitem(sys.modules, "neural.playground.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["playground"]) == 2
    assert 'pip install "neural-dense[playground]"' in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "x", "8 0", ""])
def test_a_port_that_is_none_ends_the_command_with_2(port, capsys):
    assert cli.main(["playground", "--port", port]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_port_that_is_taken_ends_the_command_with_2(capsys):
    with server.listen(0) as found:
        assert cli.main(["playground", "--no-browser", "--port", str(found.getsockname()[1])]) == 2
    assert "cannot be had" in capsys.readouterr().err
