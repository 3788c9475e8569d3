/** `1 token`, `1,234 tokens`. */
export function counted(value: number, noun: string): string {
  return `${value.toLocaleString("en")} ${value === 1 ? noun : `${noun}s`}`;
}
