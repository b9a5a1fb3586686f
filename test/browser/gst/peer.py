#!/usr/bin/python3
"""GStreamer's webrtcbin as a WHIP publisher or a WHEP player.

    peer.py whip URL    publishes a test picture (H264) and a tone (Opus)
    peer.py whep URL    plays, and counts what is decoded

Prints one JSON object per line: {"answered": STATUS}, then every half second
{"state": ..., "video": FRAMES, "audio": BUFFERS, "caps": ...}. On SIGTERM it
ends its session by DELETE and exits.
"""
import json
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PUBLISH = """
webrtcbin name=peer
videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1 ! x264enc tune=zerolatency
  speed-preset=ultrafast bitrate=800 key-int-max=60 ! video/x-h264,profile=constrained-baseline
  ! rtph264pay config-interval=-1 aggregate-mode=zero-latency
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! peer.
audiotestsrc is-live=true freq=440 ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=2 ! opusenc
  ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer.
"""

WANTED = (
    "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f",
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
)

DECODE = {"video": "rtph264depay ! h264parse ! avdec_h264", "audio": "rtpopusdepay ! opusdec"}
END = " ! fakesink name=end sync=false async=false signal-handoffs=true"


class Peer:
    """One session and its main loop."""

    def __init__(self, role, url):
        self.url = url
        self.resource = None
        self.seen = {"video": 0, "audio": 0, "caps": None}
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(PUBLISH) if role == "whip" else Gst.Pipeline()
        if role == "whep":
            self.pipeline.add(Gst.ElementFactory.make("webrtcbin", "peer"))
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.peer.connect("on-negotiation-needed", self.negotiate)
        self.peer.connect("pad-added", self.receive)
        if role == "whep":
            for caps in WANTED:
                self.peer.emit(
                    "add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps)
                )
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, m: self.fail(str(m.parse_error())))

    def run(self):
        for s in (signal.SIGTERM, signal.SIGINT):
            GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, s, self.leave)
        GLib.timeout_add(500, self.report)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)

    def negotiate(self, peer):
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offer))

    def offer(self, promise):
        reply = promise.get_reply()  # owns the offer
        offer = reply.get_value("offer")
        self.peer.emit("set-local-description", offer, Gst.Promise.new())
        GLib.idle_add(self.post, offer.sdp.as_text())

    def post(self, sdp):
        request = urllib.request.Request(self.url, sdp.encode(), {"Content-Type": "application/sdp"}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                answer, location = reply.read(), reply.headers["Location"]
                say(answered=reply.status)
        except urllib.error.HTTPError as error:
            say(answered=error.code, body=error.read().decode())
            self.loop.quit()
            return False
        self.resource = urllib.parse.urljoin(self.url, location)
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer, message)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", answer, Gst.Promise.new())
        return False

    def receive(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        media = pad.get_current_caps().get_structure(0).get_string("media")
        chain = Gst.parse_bin_from_description(DECODE[media] + END, True)
        chain.get_by_name("end").connect("handoff", self.count, media)
        self.pipeline.add(chain)
        chain.sync_state_with_parent()
        pad.link(chain.get_static_pad("sink"))

    def count(self, _, __, pad, media):
        self.seen[media] += 1
        if media == "video":
            caps = pad.get_current_caps().get_structure(0)
            self.seen["caps"] = [caps.get_int("width")[1], caps.get_int("height")[1]]

    def report(self):
        say(state=self.peer.get_property("connection-state").value_nick, **self.seen)
        return True

    def fail(self, error):
        say(error=error)
        self.loop.quit()

    def leave(self):
        if self.resource:
            urllib.request.urlopen(urllib.request.Request(self.resource, method="DELETE"), timeout=5).close()
        self.loop.quit()
        return False


def say(**what):
    print(json.dumps(what), flush=True)


Gst.init(None)
Peer(*sys.argv[1:3]).run()
