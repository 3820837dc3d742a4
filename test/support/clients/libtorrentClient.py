"""A BitTorrent client for tests, on libtorrent: says a word on stdout for each step, leaves the swarm on SIGTERM.

Arguments: torrent file, announce URL (in place of the torrent's), folder, port, "seed" or "leech".
"""
import signal
import sys

import libtorrent as lt

torrent_path, announce_url, folder, port, role = sys.argv[1:]
session = lt.session(
    {
        "listen_interfaces": f"127.0.0.1:{port}",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert_category.status | lt.alert_category.tracker,
        "stop_tracker_timeout": 5,
    }
)
parameters = lt.add_torrent_params()
parameters.ti = lt.torrent_info(torrent_path)
parameters.save_path = folder
parameters.trackers = [announce_url]
torrent = session.add_torrent(parameters)
torrent.replace_trackers([{"url": announce_url, "tier": 0}])

is_stopping = False


def stop(_signal, _frame):
    global is_stopping
    is_stopping = True


signal.signal(signal.SIGTERM, stop)


def say(word):
    print(word, flush=True)


def follow():
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        name = type(alert).__name__
        if name == "torrent_finished_alert":
            say("complete")
        elif name in ("tracker_reply_alert", "tracker_error_alert"):
            say(f"{name}: {alert.message()}")


say(role)
while not is_stopping:
    follow()
torrent.pause()  # announces `stopped`; the session waits for its answer when it goes
status = torrent.status()
say(f"uploaded {status.total_payload_upload} downloaded {status.total_payload_download}")
del torrent
del session
