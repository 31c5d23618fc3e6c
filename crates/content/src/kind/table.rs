//! The table of types.

/// Types that are opened here, that claims are held against, or that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Ace,
    Ar,
    Arj,
    Avi,
    Apk,
    Bmp,
    Bzip2,
    Cab,
    Chm,
    Compress,
    Cpio,
    Doc,
    Docx,
    Elf,
    Epub,
    Gif,
    Gzip,
    Html,
    Ico,
    Iso,
    Jar,
    JavaClass,
    Jpeg,
    Lha,
    Lnk,
    Lzip,
    MachO,
    Mail,
    Mp3,
    Mp4,
    Msg,
    Msi,
    Odf,
    Ole,
    OneNote,
    Pdf,
    Pe,
    Png,
    Ppt,
    Pptx,
    Rar,
    Rtf,
    Script,
    SevenZip,
    Svg,
    Tar,
    Text,
    Tiff,
    Tnef,
    Wasm,
    Wav,
    Webp,
    Xar,
    Xls,
    Xlsx,
    Xml,
    Xz,
    Zip,
    Zstd,
}

/// Types that are taken for one another in good faith.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Pictures: programs show them whatever they are called.
    Image,
    /// Sound and film.
    Media,
    /// What a text editor shows.
    Text,
    /// Office documents of any age: what is named `.doc` may be OLE, OOXML, RTF or HTML.
    Office,
    /// Zip archives with a purpose.
    Zip,
    /// Nothing else is this.
    Alone,
}

/// What is known of a type.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) family: Family,
    pub(super) executable: bool,
    /// As it is written in a part's account.
    pub(super) media: &'static str,
    /// Other media types by which it is declared.
    pub(super) aliases: &'static [&'static str],
    pub(super) extensions: &'static [&'static str],
}

type Words = &'static [&'static str];

const fn row(kind: Kind, family: Family, media: &'static str, aliases: Words, extensions: Words) -> Row {
    Row { kind, family, executable: false, media, aliases, extensions }
}

const fn program(kind: Kind, family: Family, media: &'static str, aliases: Words, extensions: Words) -> Row {
    Row { kind, family, executable: true, media, aliases, extensions }
}

#[rustfmt::skip]
pub(super) static ROWS: &[Row] = {
    use Family::{Alone, Image, Media, Office, Text, Zip};
    &[
        row(Kind::Ace, Alone, "application/x-ace-compressed", &[], &["ace"]),
        row(Kind::Ar, Alone, "application/x-archive", &["application/vnd.debian.binary-package"], &["ar", "deb"]),
        row(Kind::Arj, Alone, "application/x-arj", &["application/arj"], &["arj"]),
        row(Kind::Avi, Media, "video/x-msvideo", &["video/avi", "video/msvideo"], &["avi"]),
        program(Kind::Apk, Zip, "application/vnd.android.package-archive", &[], &["apk"]),
        row(Kind::Bmp, Image, "image/bmp", &["image/x-ms-bmp", "image/x-bmp"], &["bmp"]),
        row(Kind::Bzip2, Alone, "application/x-bzip2", &["application/bzip2", "application/x-bzip", "application/x-bzip-compressed-tar"], &["bz2", "tbz", "tbz2"]),
        row(Kind::Cab, Alone, "application/vnd.ms-cab-compressed", &["application/x-cab"], &["cab"]),
        program(Kind::Chm, Alone, "application/vnd.ms-htmlhelp", &["application/x-chm"], &["chm"]),
        row(Kind::Compress, Alone, "application/x-compress", &[], &["z"]),
        row(Kind::Cpio, Alone, "application/x-cpio", &[], &["cpio"]),
        row(Kind::Doc, Office, "application/msword", &["application/vnd.ms-word", "application/doc"], &["doc", "dot"]),
        row(Kind::Docx, Office, "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            &["application/vnd.ms-word.document.macroenabled.12", "application/vnd.openxmlformats-officedocument.wordprocessingml.template"], &["docx", "docm", "dotx", "dotm"]),
        program(Kind::Elf, Alone, "application/x-executable", &["application/x-elf", "application/x-sharedlib"], &["elf", "so"]),
        row(Kind::Epub, Zip, "application/epub+zip", &[], &["epub"]),
        row(Kind::Gif, Image, "image/gif", &[], &["gif"]),
        row(Kind::Gzip, Alone, "application/gzip", &["application/x-gzip", "application/x-compressed-tar", "application/x-tgz", "application/x-gtar-compressed"], &["gz", "tgz"]),
        row(Kind::Html, Text, "text/html", &["application/xhtml+xml"], &["htm", "html", "xhtml", "shtml"]),
        row(Kind::Ico, Image, "image/x-icon", &["image/vnd.microsoft.icon"], &["ico"]),
        row(Kind::Iso, Alone, "application/x-iso9660-image", &["application/x-cd-image"], &["iso"]),
        program(Kind::Jar, Zip, "application/java-archive", &["application/x-java-archive", "application/x-jar"], &["jar"]),
        program(Kind::JavaClass, Alone, "application/java-vm", &["application/x-java-class"], &["class"]),
        row(Kind::Jpeg, Image, "image/jpeg", &["image/jpg", "image/pjpeg"], &["jpg", "jpeg", "jpe"]),
        row(Kind::Lha, Alone, "application/x-lzh-compressed", &["application/x-lha", "application/x-lzh"], &["lzh", "lha"]),
        program(Kind::Lnk, Alone, "application/x-ms-shortcut", &[], &["lnk"]),
        row(Kind::Lzip, Alone, "application/lzip", &["application/x-lzip"], &["lz"]),
        program(Kind::MachO, Alone, "application/x-mach-binary", &[], &["dylib"]),
        row(Kind::Mail, Text, "message/rfc822", &["message/global"], &["eml", "mht", "mhtml"]),
        row(Kind::Mp3, Media, "audio/mpeg", &["audio/mp3"], &["mp3"]),
        row(Kind::Mp4, Media, "video/mp4", &["audio/mp4", "video/quicktime", "audio/x-m4a"], &["mp4", "m4a", "m4v", "mov"]),
        row(Kind::Msg, Office, "application/vnd.ms-outlook", &["application/msoutlook"], &["msg"]),
        program(Kind::Msi, Alone, "application/x-msi", &["application/x-ms-installer"], &["msi", "msp"]),
        row(Kind::Odf, Office, "application/vnd.oasis.opendocument", &["application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet", "application/vnd.oasis.opendocument.presentation"],
            &["odt", "ods", "odp", "odg"]),
        row(Kind::Ole, Office, "application/x-ole-storage", &[], &[]),
        row(Kind::OneNote, Alone, "application/onenote", &["application/msonenote"], &["one", "onepkg"]),
        row(Kind::Pdf, Alone, "application/pdf", &["application/x-pdf"], &["pdf"]),
        program(Kind::Pe, Alone, "application/vnd.microsoft.portable-executable", &["application/x-msdownload", "application/x-dosexec", "application/x-ms-dos-executable", "application/x-exe"],
            &["exe", "dll", "scr", "com", "cpl", "pif", "sys", "ocx"]),
        row(Kind::Png, Image, "image/png", &["image/x-png"], &["png"]),
        row(Kind::Ppt, Office, "application/vnd.ms-powerpoint", &["application/mspowerpoint"], &["ppt", "pps", "pot"]),
        row(Kind::Pptx, Office, "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            &["application/vnd.openxmlformats-officedocument.presentationml.slideshow", "application/vnd.ms-powerpoint.presentation.macroenabled.12"], &["pptx", "pptm", "ppsx", "ppsm", "potx"]),
        row(Kind::Rar, Alone, "application/vnd.rar", &["application/x-rar-compressed", "application/x-rar", "application/rar"], &["rar"]),
        row(Kind::Rtf, Office, "application/rtf", &["text/rtf", "text/richtext"], &["rtf"]),
        program(Kind::Script, Text, "text/x-script", &["application/x-sh", "application/x-shellscript", "text/x-shellscript", "text/x-python", "application/x-perl"],
            &["sh", "py", "pl", "rb", "php"]),
        row(Kind::SevenZip, Alone, "application/x-7z-compressed", &[], &["7z"]),
        row(Kind::Svg, Text, "image/svg+xml", &[], &["svg"]),
        row(Kind::Tar, Alone, "application/x-tar", &["application/x-gtar", "application/x-ustar"], &["tar"]),
        row(Kind::Text, Text, "text/plain", &["text/csv", "text/calendar", "text/x-vcard", "text/vcard", "text/css", "text/markdown", "text/enriched", "text/tab-separated-values",
            "application/json", "application/javascript", "text/javascript"], &["txt", "csv", "log", "ics", "vcf", "md", "json", "css", "js", "ini", "asc", "diff", "patch", "c", "h"]),
        row(Kind::Tiff, Image, "image/tiff", &[], &["tif", "tiff"]),
        row(Kind::Tnef, Alone, "application/ms-tnef", &["application/vnd.ms-tnef"], &[]),
        program(Kind::Wasm, Alone, "application/wasm", &[], &["wasm"]),
        row(Kind::Wav, Media, "audio/x-wav", &["audio/wav", "audio/wave", "audio/vnd.wave"], &["wav"]),
        row(Kind::Webp, Image, "image/webp", &[], &["webp"]),
        row(Kind::Xar, Alone, "application/x-xar", &[], &["xar", "pkg"]),
        row(Kind::Xls, Office, "application/vnd.ms-excel", &["application/excel", "application/x-excel", "application/x-msexcel"], &["xls", "xlt", "xla"]),
        row(Kind::Xlsx, Office, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            &["application/vnd.ms-excel.sheet.macroenabled.12", "application/vnd.ms-excel.sheet.binary.macroenabled.12"], &["xlsx", "xlsm", "xlsb", "xltx", "xltm"]),
        row(Kind::Xml, Text, "text/xml", &["application/xml", "application/atom+xml", "application/rss+xml"], &["xml", "xsl", "xsd", "rss"]),
        row(Kind::Xz, Alone, "application/x-xz", &[], &["xz", "txz"]),
        row(Kind::Zip, Zip, "application/zip", &["application/x-zip", "application/x-zip-compressed"], &["zip"]),
        row(Kind::Zstd, Alone, "application/zstd", &["application/x-zstd"], &["zst", "tzst"]),
    ]
};

impl Kind {
    /// What is a zip archive underneath.
    pub(crate) const ZIPS: &'static [Self] =
        &[Self::Zip, Self::Docx, Self::Xlsx, Self::Pptx, Self::Odf, Self::Epub, Self::Jar, Self::Apk];
    /// What is an OLE compound file underneath, and has no opener of its own.
    pub(crate) const OLES: &'static [Self] = &[Self::Ole, Self::Doc, Self::Xls, Self::Ppt, Self::Msi];

    /// Rows stand in the order of the kinds; a test holds that.
    pub(super) fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}
