/** Makes the one short sound of a message that asks for it. */

const SECONDS = 0.2;

/** Sounds only on a page that the visitor has already touched; a browser would refuse it otherwise. */
export function blip(): void {
  const activation = navigator.userActivation as UserActivation | undefined;
  if (!activation?.hasBeenActive) return;
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  volume.gain.value = 0.05;
  tone.connect(volume).connect(audio.destination);
  tone.onended = () => audio.close();
  tone.start();
  tone.stop(SECONDS);
}
