"""Bahasa Indonesia: new versions."""

from collections.abc import Mapping
from typing import Final

CATALOGUE: Final[Mapping[str, str]] = {
    "&Fetch it": "&Unduh",
    "&Look for updates": "&Cari pembaruan",
    "&Not now": "&Nanti saja",
    "&Update": "Per&barui",
    "&Update to {version}…": "Per&barui ke {version}…",
    "Another Flowork is at work on an update of this data folder.": "Flowork lain sedang mengerjakan pembaruan untuk folder data ini.",
    "Fetching the update": "Mengunduh pembaruan",
    "Flowork goes on meanwhile.": "Sementara itu Flowork tetap berjalan.",
    "Flowork {version} is here, and it is the one that was signed": "Flowork {version} sudah ada di sini, dan memang yang ditandatangani",
    "Flowork {version} is there": "Flowork {version} sudah tersedia",
    "Flowork {version} is there: see the menu of the tray.": "Flowork {version} sudah tersedia: lihat menu baki.",
    "It has expired: somebody may hold newer ones back. If it stays so, look at the project's page.": (
        "Sudah kedaluwarsa: mungkin ada yang menahan yang lebih baru. Jika tetap begitu, lihat halaman proyek."
    ),
    "It holds no file for this system and this way of installing.": "Tidak ada berkas untuk sistem ini dan cara pemasangan ini.",
    "It is installed when you say so.": "Dipasang bila Anda menyetujuinya.",
    "It is older than what is known already. Nothing of it was used.": (
        "Lebih tua daripada yang sudah diketahui. Tidak ada bagian yang dipakai."
    ),
    "It is signed, but for another program. Nothing of it was used.": (
        "Ditandatangani, tetapi untuk program lain. Tidak ada bagian yang dipakai."
    ),
    "It names new keys, and none of them has signed it. Nothing of it was used.": (
        "Menyebut kunci baru, tetapi tak satu pun menandatanganinya. Tidak ada bagian yang dipakai."
    ),
    "It was signed in the future: look at this machine's clock.": "Ditandatangani di masa depan: periksa jam komputer ini.",
    "Looking…": "Mencari…",
    "Look…": "Lihat…",
    "No key that this Flowork trusts has signed it. Nothing of it was used.": (
        "Tidak ditandatangani oleh kunci yang dipercaya Flowork ini. Tidak ada bagian yang dipakai."
    ),
    "No update was fetched": "Tidak ada pembaruan yang diunduh",
    "Quit Flowork, then run this in a terminal:": "Keluar dari Flowork, lalu jalankan ini di terminal:",
    "The connection ended before the file did. What has come is kept; the next try goes on from there.": (
        "Sambungan putus sebelum berkas selesai. Yang sudah datang disimpan; percobaan berikutnya melanjutkan dari situ."
    ),
    "The file could not be written into the data folder. The log says why.": (
        "Berkas tidak dapat ditulis ke folder data. Log menyebutkan alasannya."
    ),
    "The file does not have the size that was signed. It was thrown away.": (
        "Ukuran berkas bukan yang ditandatangani. Berkas itu dibuang."
    ),
    "The file is not the one that was signed. It was thrown away.": "Berkas ini bukan yang ditandatangani. Berkas itu dibuang.",
    "The new version is fetched and its signature verified. Running jobs finish, then Flowork ends, is replaced, and starts again."
    " If anything is wrong with it, nothing is replaced.": (
        "Versi baru diunduh dan tanda tangannya diperiksa. Pekerjaan yang berjalan diselesaikan, lalu Flowork berhenti, diganti, dan mulai"
        " lagi. Jika ada yang salah, tidak ada yang diganti."
    ),
    "The new version is fetched and its signature verified; then you see the command that installs it. Nothing is replaced.": (
        "Versi baru diunduh dan tanda tangannya diperiksa; lalu Anda melihat perintah untuk memasangnya. Tidak ada yang diganti."
    ),
    "The place of the updates did not answer as it should. Look at your network, then try again.": (
        "Tempat pembaruan tidak menjawab semestinya. Periksa jaringan Anda, lalu coba lagi."
    ),
    "The setup could not be started. Flowork goes on as it was.": "Pemasang tidak dapat dijalankan. Flowork berjalan seperti semula.",
    "The update was refused": "Pembaruan ditolak",
    "There is not enough room on the disk. Free some, then try again.": "Ruang di disk tidak cukup. Kosongkan sebagian, lalu coba lagi.",
    "There is nothing newer, as far as is known. Check first.": "Sejauh yang diketahui tidak ada yang lebih baru. Cari dulu.",
    "This Flowork is a package of Python or a working copy: update it where you got it.": (
        "Flowork ini paket Python atau salinan kerja: perbarui di tempat Anda memperolehnya."
    ),
    "This Flowork is no release, so versions cannot be compared.": "Flowork ini bukan rilis, jadi versinya tidak dapat dibandingkan.",
    "This build holds no release keys: it cannot tell a real update from another. Get new versions where this one is from.": (
        "Bangunan ini tidak memuat kunci rilis: tidak dapat membedakan pembaruan asli dari yang lain. Ambil versi baru di tempat asalnya."
    ),
    "This is the newest version.": "Ini versi terbaru.",
    "Update Flowork from {old} to {new}?": "Perbarui Flowork dari {old} ke {new}?",
    "What was sent is larger than it may be. Nothing of it was used.": (
        "Yang dikirim lebih besar dari yang diizinkan. Tidak ada bagian yang dipakai."
    ),
    "What was sent is no manifest of updates. Nothing of it was used.": (
        "Yang dikirim bukan manifes pembaruan. Tidak ada bagian yang dipakai."
    ),
}
