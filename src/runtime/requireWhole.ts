/** @throws RangeError naming the option, for what is no whole number or out of its bounds */
export function requireWhole(what: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new RangeError(`${what}: a whole number from ${min} to ${max}`)
}
