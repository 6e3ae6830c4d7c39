import { VERSION } from '../../core/index.ts'

/** Changes whenever the scanner may judge the same bytes differently. */
export const SCANNER = { name: 'sallyport', version: VERSION } as const
