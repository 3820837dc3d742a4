/** Formats of Lua's struct library: an unsigned integer of 1, 2, 4 or 8 bytes, or that many raw bytes. */
type IntegerFormat = 'B' | 'I2' | 'I4' | 'I8'
type BytesFormat = `c${number}`

interface Field {
  /** As the scripts name it. */
  readonly name: string
  readonly format: IntegerFormat | BytesFormat
}

/** A field, and how it is written from the source. */
export type PackedField<Source> =
  | { readonly name: string; readonly format: IntegerFormat; readonly value: (source: Source) => number }
  | {
      readonly name: string
      readonly format: BytesFormat
      readonly write: (source: Source, target: Buffer, offset: number) => void
    }

interface PlacedField extends Field {
  /** Counted from 0; Lua counts from 1. */
  readonly offset: number
  readonly bytes: number
}

export interface PackedLayout {
  readonly bytes: number
  readonly fields: readonly PlacedField[]
}

export interface Packer<Source> extends PackedLayout {
  /** Bytes that no field writes are zeros. Throws RangeError when a number does not fit its field. */
  pack(source: Source): Buffer
}

/**
 * Places the fields of a packed string one behind the other; integers are big endian. Such a table is the only definition
 * of a layout in TypeScript: `test/unit/scriptHeaders.test.ts` compares it with the scripts.
 */
export function layoutOf(table: readonly Field[]): PackedLayout {
  let bytes = 0
  const fields = table.map(({ name, format }) => {
    const field = { name, format, offset: bytes, bytes: bytesOf(format) }
    bytes += field.bytes
    return field
  })
  return { bytes, fields }
}

/**
 * A layout that TypeScript packs and a script unpacks.
 *
 * @example
 * const packer = definePacker<number>([{ name: 'seconds', format: 'I4', value: (seconds) => seconds }])
 * packer.pack(1) // 00 00 00 01
 */
export function definePacker<Source>(table: readonly PackedField<Source>[]): Packer<Source> {
  const layout = layoutOf(table)
  const writers = table.map((field, i) => writerOf(field, layout.fields[i]!.offset))
  return {
    ...layout,
    pack(source) {
      const target = Buffer.alloc(layout.bytes)
      for (const write of writers) write(source, target)
      return target
    },
  }
}

function bytesOf(format: Field['format']): number {
  return format === 'B' ? 1 : Number(format.slice(1))
}

function writerOf<Source>(
  field: PackedField<Source>,
  offset: number,
): (source: Source, target: Buffer) => void {
  if ('write' in field) return (source, target) => field.write(source, target, offset)
  const { format, value } = field
  switch (format) {
    case 'B':
      return (source, target) => target.writeUInt8(value(source), offset)
    case 'I2':
      return (source, target) => target.writeUInt16BE(value(source), offset)
    case 'I4':
      return (source, target) => target.writeUInt32BE(value(source), offset)
    case 'I8':
      return (source, target) => target.writeBigUInt64BE(BigInt(value(source)), offset)
  }
}
