/** ID of a stream's entry, `<ms>-<seq>`, in its two numbers; both at most 2^53 - 1, so that they stay exact. */
export interface StreamId {
  readonly ms: number
  readonly seq: number
}

/** Above every sequence number that is accepted here. */
const TOP_SEQ = Number.MAX_SAFE_INTEGER

/** @throws RangeError for anything that Redis would not write, or only when it was told to */
export function parseStreamId(text: string): StreamId {
  const [, ms, seq] = /^(\d{1,16})-(\d{1,16})$/.exec(text) ?? []
  const id = { ms: Number(ms), seq: Number(seq) }
  if (!Number.isSafeInteger(id.ms) || !Number.isSafeInteger(id.seq))
    throw new RangeError('an ID of a stream is two whole numbers up to 2^53 - 1, joined by -')
  return id
}

/** Negative when `one` is older than `other`, as for `sort`. Takes every ID that Redis may hold. */
export function compareStreamIds(one: string, other: string): number {
  const [ms = '', seq = ''] = one.split('-')
  const [otherMs = '', otherSeq = ''] = other.split('-')
  return compareDigits(ms, otherMs) || compareDigits(seq, otherSeq)
}

/** Whole numbers without leading zeros, as large as Redis has them. */
function compareDigits(one: string, other: string): number {
  return one.length - other.length || (one === other ? 0 : one < other ? -1 : 1)
}

/** The highest ID below this one; of the lowest, itself. */
export function streamIdBefore(text: string): string {
  const { ms, seq } = parseStreamId(text)
  if (seq > 0) return `${ms}-${seq - 1}`
  return ms > 0 ? `${ms - 1}-${TOP_SEQ}` : text
}

/** The lowest ID above this one. */
export function streamIdAfter(text: string): string {
  const { ms, seq } = parseStreamId(text)
  return seq < TOP_SEQ ? `${ms}-${seq + 1}` : `${ms + 1}-0`
}
