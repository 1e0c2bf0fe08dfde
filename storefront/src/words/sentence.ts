/** With a capital and a full stop, whoever wrote it. */
export function inSentence(text: string): string {
  const words = text.trim();
  const sentence = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}
