export declare function placed(source: string, path: string): string;
