import { Keystore } from '../crypto/index.ts'
import { openStateFolder, type StateFolder } from './state-folder.ts'

/** The name that stands in every checkpoint of this installation's log. */
export function logOrigin(folder: StateFolder): string {
  return `sallyport.local/log/${folder.instance}`
}

export interface LogIdentity {
  /** Where the log's files are. */
  readonly directory: string
  /** C2SP verifier key (`vkey`): what an auditor needs besides the files. */
  readonly verifierKey: string
}

/** Where the log of a state folder is and who signs it; takes no lock, so it works beside a running server. */
export async function logIdentity(statePath: string): Promise<LogIdentity> {
  const folder = openStateFolder(statePath)
  const keystore = await Keystore.open(folder.keys, { create: false })
  return { directory: folder.log, verifierKey: keystore.logSigner(logOrigin(folder)).verifier.vkey }
}
