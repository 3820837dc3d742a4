import { rootMessage } from '../../runtime/errors.ts'

/** An address that cannot be listened on is said with its place in the file. */
export async function namingKey<T>(key: string, listening: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await listening
  } catch (error) {
    throw new Error(`chihaya.${key}: ${rootMessage(error)}`)
  }
}
