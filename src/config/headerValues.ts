import { validateHeaderName } from 'node:http'
import { lowercase, text } from './values.ts'

/** Lowercase. */
export const headerName = text(/^[!#$%&'*+.^_`|~\w-]+$/, 'is not the name of a header', lowercase)
/** HTTP's own headers, and those that the tracker writes into its question itself. */
const TAKEN_HEADERS = new Set(
  (
    'accept connection content-length content-type expect host keep-alive proxy-connection te trailer transfer-encoding ' +
    'upgrade user-agent x-redswarm-signature x-redswarm-timestamp'
  ).split(' '),
)

/** A header that the tracker sends. */
export const requestHeaderName = text(undefined, undefined, (name) => {
  try {
    validateHeaderName(name)
  } catch (cause) {
    throw new RangeError('is not the name of a header', { cause })
  }
  if (TAKEN_HEADERS.has(name.toLowerCase())) throw new RangeError('is a header with a meaning of its own')
  return name
})
export const requestHeaderValue = text(
  /^[!-~]([ -~]*[!-~])?$/,
  'is not printable ASCII without spaces at its ends, so no header can carry it',
)
