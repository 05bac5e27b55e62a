/** The one short sound of a message that asks for it, loaded when the first of them does. */

const SECONDS = 0.2;
const VOLUME = 0.05;

/** Sounds only on a page that the visitor has already touched; a browser would refuse it otherwise. */
export function play(): void {
  if (!navigator.userActivation?.hasBeenActive) return;
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  volume.gain.value = VOLUME;
  tone.connect(volume).connect(audio.destination);
  tone.onended = () => audio.close();
  tone.start();
  tone.stop(SECONDS);
}
