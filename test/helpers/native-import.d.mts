export declare function importNative(url: string): Promise<unknown>
