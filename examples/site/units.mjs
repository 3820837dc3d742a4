/** Amounts as people read them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** @param {bigint} amount bytes; exact below 1 KiB, else two decimals, cut and not rounded up: nobody gets more than they have */
export function bytes(amount) {
  let unit = 0
  let scale = 1n
  while (amount >= scale * 1024n && unit < UNITS.length - 1) {
    scale *= 1024n
    unit++
  }
  return unit === 0 ? `${amount} B` : `${decimals(amount, scale, 2)} ${UNITS[unit]}`
}

/**
 * Bytes uploaded for each one downloaded.
 *
 * @param {bigint} uploaded
 * @param {bigint} downloaded
 */
export function ratio(uploaded, downloaded) {
  if (downloaded === 0n) return uploaded === 0n ? '–' : '∞'
  return decimals(uploaded, downloaded, 3)
}

/** @param {number} bytesPerSecond */
export function speed(bytesPerSecond) {
  return `${bytes(BigInt(Math.floor(bytesPerSecond)))}/s`
}

/** @param {bigint} seconds the two largest units; the rest is cut */
export function duration(seconds) {
  const parts = [
    [seconds / 86400n, 'd'],
    [(seconds / 3600n) % 24n, 'h'],
    [(seconds / 60n) % 60n, 'min'],
    [seconds % 60n, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0n)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0n)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** @param {number} seconds Unix seconds, shown in UTC */
export function moment(seconds) {
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace(/\..*/, '')
}

/** A fraction with so many digits, by whole numbers alone: exact whatever the size. */
function decimals(numerator, denominator, digits) {
  const scaled = (numerator * 10n ** BigInt(digits)) / denominator
  const text = String(scaled).padStart(digits + 1, '0')
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`
}
