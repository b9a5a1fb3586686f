// Camera, microphone and screen.

import { pictures, sounds, type Quality } from './encoding';
import { Failure } from './problem';
import { captureProblem, insecure, type Device } from './publishing';

export interface Choice {
  picture: 'camera' | 'screen' | 'none';
  sound: 'microphone' | 'screen' | 'none';
  /** Device ids; "" is the browser's own choice. */
  camera: string;
  microphone: string;
}

export interface Capture {
  media: MediaStream;
  /** What was wanted and is not there. */
  missing: string;
}

/** Whether this browser can capture a screen; phones cannot. */
export const sharesScreen = () => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

/** Opens what was chosen. Throws a Failure. */
export async function open(c: Choice, q: Quality): Promise<Capture> {
  if (!isSecureContext || !navigator.mediaDevices) throw new Failure(insecure(location));
  const media = new MediaStream();
  let missing = '';
  try {
    if (c.picture === 'screen') add(media, await shareScreen(c, q));
    const wanted: MediaStreamConstraints = {
      video: c.picture === 'camera' && { ...pictures(q), ...exactly(c.camera) },
      audio: c.sound === 'microphone' && { ...sounds(q), ...exactly(c.microphone) },
    };
    const device = nameOf(wanted);
    if (device) {
      const found = await fromDevices(wanted, device);
      add(media, found.media);
      missing = found.missing;
    }
    if (c.sound === 'screen' && media.getAudioTracks().length === 0) missing = 'The chosen screen shares no sound.';
    return { media, missing };
  } catch (e) {
    close(media);
    throw e;
  }
}

/** Lets go of the devices. */
export function close(media: MediaStream | undefined): void {
  for (const t of media?.getTracks() ?? []) t.stop();
}

/** The devices of one kind. Their names are told once something was permitted. */
export async function devices(kind: 'videoinput' | 'audioinput'): Promise<MediaDeviceInfo[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  return all.filter((d) => d.kind === kind && d.deviceId !== '');
}

async function shareScreen(c: Choice, q: Quality): Promise<MediaStream> {
  if (!sharesScreen()) {
    throw new Failure({ title: 'This browser cannot share a screen', advice: 'Phones cannot; use a computer, or the camera.', passing: false });
  }
  return navigator.mediaDevices
    .getDisplayMedia({ video: pictures(q), audio: c.sound === 'screen' })
    .catch((e: unknown) => {
      throw new Failure(captureProblem(e, 'screen'));
    });
}

/** Opens camera and microphone by one question; without the one that is not there. */
async function fromDevices(wanted: MediaStreamConstraints, device: Device): Promise<Capture> {
  try {
    return { media: await navigator.mediaDevices.getUserMedia(wanted), missing: '' };
  } catch (e) {
    if (wanted.video && wanted.audio && e instanceof DOMException && e.name === 'NotFoundError') {
      const [cameras, microphones] = await Promise.all([kinds('videoinput'), kinds('audioinput')]);
      if (cameras !== microphones) {
        const { media } = await fromDevices(cameras ? { video: wanted.video } : { audio: wanted.audio }, cameras ? 'camera' : 'microphone');
        return { media, missing: cameras ? 'No microphone was found: there will be no sound.' : 'No camera was found: there will be no picture.' };
      }
    }
    throw new Failure(captureProblem(e, device));
  }
}

/** Whether there is a device of a kind; before a permission they have no ids. */
async function kinds(kind: MediaDeviceKind): Promise<boolean> {
  return (await navigator.mediaDevices.enumerateDevices()).some((d) => d.kind === kind);
}

function nameOf({ video, audio }: MediaStreamConstraints): Device | undefined {
  if (video && audio) return 'camera and microphone';
  return video ? 'camera' : audio ? 'microphone' : undefined;
}

const exactly = (id: string) => (id ? { deviceId: { exact: id } } : {});

function add(to: MediaStream, from: MediaStream): void {
  for (const t of from.getTracks()) to.addTrack(t);
}
