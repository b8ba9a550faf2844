"""Bahasa Indonesia: the first run, diagnostics, notices."""

from collections.abc import Mapping
from typing import Final

CATALOGUE: Final[Mapping[str, str]] = {
    # app/ui/wizard.py
    "Set up Flowork": "Siapkan Flowork",
    "Set up &later": "Siapkan &nanti",
    "&Back": "&Kembali",
    "&Next": "&Lanjut",
    "&Finish": "&Selesai",
    "Step {number} of {steps}": "Langkah {number} dari {steps}",
    "Done": "Selesai",
    # app/ui/wizard_pages.py
    "Where keys are kept": "Tempat menyimpan kunci",
    "Flowork signs with keys of its own. They should lie where only you can open them.": (
        "Flowork menandatangani dengan kuncinya sendiri. Simpanlah di tempat yang hanya dapat Anda buka."
    ),
    "&Unlock…": "&Buka kunci…",
    "Look &again": "&Periksa lagi",
    "In the &keyring of this desktop (recommended)": "Di &ring kunci desktop ini (disarankan)",
    "In a file under a &passphrase, which is asked for at every start": (
        "Di berkas dengan &frasa sandi, yang diminta setiap kali Flowork dimulai"
    ),
    "In files in the &clear": "Di berkas &tanpa enkripsi",
    "Passphrase (at least {number} characters)": "Frasa sandi (minimal {number} karakter)",
    "The same again": "Ulangi frasa sandi",
    "This passphrase is too short.": "Frasa sandi ini terlalu pendek.",
    "The two passphrases differ.": "Kedua frasa sandi tidak sama.",
    "I know that whoever reads this disk reads the keys": "Saya paham bahwa siapa pun yang membaca disk ini dapat membaca kuncinya",
    "&Keep keys there": "&Simpan kunci di sana",
    "Looking at the keyring…": "Memeriksa ring kunci…",
    "Keys are kept unencrypted": "Kunci disimpan tanpa enkripsi",
    "Whoever reads this disk reads them. Settings can move them.": (
        "Siapa pun yang membaca disk ini dapat membacanya. Kunci dapat dipindahkan lewat Pengaturan."
    ),
    "Keys are kept in: {place}": "Kunci disimpan di: {place}",
    "The keyring is locked": "Ring kunci terkunci",
    "Unlock it, and this step goes on by itself.": "Buka kuncinya, lalu langkah ini berlanjut dengan sendirinya.",
    "This desktop has a keyring: {place}": "Desktop ini memiliki ring kunci: {place}",
    "It opens when you sign in.": "Ring kunci terbuka saat Anda masuk.",
    "This desktop has no keyring that can be used": "Desktop ini tidak memiliki ring kunci yang dapat dipakai",
    "Making the place for the keys…": "Menyiapkan tempat untuk kunci…",
    "Your desktop asks for the keyring's password…": "Desktop Anda meminta kata sandi ring kunci…",
    "Pair a browser": "Pasangkan peramban",
    "Scan the code with a phone, or open the link in a browser. Nobody gets in whom you have not let in.": (
        "Pindai kode dengan ponsel, atau buka tautan di peramban. Tidak ada yang bisa masuk tanpa izin Anda."
    ),
    "&Start": "&Mulai",
    "The gateway could not start": "Gateway tidak dapat dimulai",
    "Starting…": "Memulai…",
    "The gateway does not run yet": "Gateway belum berjalan",
    "Flowork is set up": "Flowork sudah siap",
    "You find it in the tray, or by starting it again. This setup can be opened again from the menu.": (
        "Anda menemukannya di baki sistem, atau dengan menjalankannya lagi. Penyiapan ini dapat dibuka lagi dari menu."
    ),
    "&Start Flowork when I sign in": "&Mulai Flowork saat saya masuk",
    "It is off unless you want it, and you can change it in the menu at any time.": (
        "Pilihan ini mati kecuali Anda menghendakinya, dan dapat diubah kapan saja di menu."
    ),
    "Another program has an entry of this name; it was left alone: {where}": (
        "Program lain memiliki entri dengan nama ini; entri itu tidak disentuh: {where}"
    ),
    "Your system's settings switched it off; switch it on there: {where}": (
        "Dimatikan di pengaturan sistem Anda; hidupkan kembali di sana: {where}"
    ),
    "Starting at sign-in cannot be changed here": "Mulai saat masuk tidak dapat diubah di sini",
    # app/ui/wizard_sources.py
    "Models and tools": "Model dan alat",
    "Jobs may ask only for models that you let them use. Everything here can be changed later.": (
        "Pekerjaan hanya dapat memakai model yang Anda izinkan. Semua di sini dapat diubah nanti."
    ),
    "&Use the ticked ones": "&Pakai yang dicentang",
    "Or a key for models elsewhere": "Atau kunci untuk model di tempat lain",
    "Another address that speaks OpenAI's wire": "Alamat lain yang kompatibel dengan OpenAI",
    "Provider": "Penyedia",
    "Address": "Alamat",
    "Key": "Kunci",
    "&Try it and keep it": "&Coba lalu simpan",
    "Looking for servers of models on this machine…": "Mencari server model di komputer ini…",
    "Found {number} servers of models": "Ditemukan {number} server model",
    "Jobs may use all of their models.": "Pekerjaan dapat memakai semua modelnya.",
    "Jobs may use: {names}": "Pekerjaan dapat memakai: {names}",
    "Looked for Ollama, LM Studio, llama.cpp and vLLM. Start one and look again, add a key, or go on without models.": (
        "Sudah dicari: Ollama, LM Studio, llama.cpp, dan vLLM. Jalankan salah satu lalu periksa lagi, tambahkan kunci, "
        "atau lanjutkan tanpa model."
    ),
    "No server of models answers on this machine": "Tidak ada server model yang menjawab di komputer ini",
    "Tools: {names}": "Alat: {names}",
    "No tools are set up. They are added in config.toml.": "Belum ada alat yang disiapkan. Alat ditambahkan di config.toml.",
    "{number} models": "{number} model",
    "{name}: {models}, at {address}": "{name}: {models}, di {address}",
    "Jobs may use these models": "Pekerjaan dapat memakai model-model ini",
    "They are taken when the gateway starts next.": "Berlaku saat gateway dimulai berikutnya.",
    "Trying the key…": "Mencoba kunci…",
    "The key is kept; {name} lists {models}": "Kunci disimpan; {name} menawarkan {models}",
    # app/ui/wizard_endpoint.py
    "Reaching it from elsewhere": "Akses dari tempat lain",
    "Nothing leaves this machine unless you choose so here.": "Tidak ada yang keluar dari komputer ini kecuali Anda memilihnya di sini.",
    "&This machine only": "Hanya komputer &ini",
    "Browsers and programs of this machine reach it; nobody else does.": (
        "Hanya peramban dan program di komputer ini yang dapat mengaksesnya."
    ),
    "A &quick tunnel, to try": "Terowongan &cepat, untuk mencoba",
    "Needs cloudflared and no account. The address is another one at every start, so browsers must be paired again.": (
        "Memerlukan cloudflared, tanpa akun. Alamatnya berganti setiap kali dimulai, jadi peramban harus dipasangkan lagi."
    ),
    "A &named tunnel": "Terowongan &bernama",
    "Needs cloudflared, a Cloudflare account and a domain of yours. The address stays.": (
        "Memerlukan cloudflared, akun Cloudflare, dan domain Anda sendiri. Alamatnya tetap."
    ),
    "&I have an HTTPS address": "Saya punya &alamat HTTPS",
    "A reverse proxy of yours leads to this machine.": "Proksi balik milik Anda mengarah ke komputer ini.",
    "Token of the tunnel": "Token terowongan",
    "&Use this": "&Pakai ini",
    "Setting it up…": "Menyiapkan…",
    "Only this machine reaches it": "Hanya komputer ini yang dapat mengaksesnya",
    "Browsers elsewhere reach it": "Peramban di tempat lain dapat mengaksesnya",
    "Browsers elsewhere cannot reach this gateway; this machine can.": (
        "Peramban di tempat lain tidak dapat mengakses gateway ini; komputer ini bisa."
    ),
    "It is not reached from elsewhere": "Tidak dapat diakses dari tempat lain",
    # titles of app/services/acts/setup.py and diagnostics.py, which the windows show in the person's language
    "This is no key": "Ini bukan kunci",
    "The provider did not take the key": "Penyedia menolak kunci ini",
    "The provider does not answer": "Penyedia tidak menjawab",
    "These settings are not right": "Pengaturan ini tidak benar",
    "The settings are not right": "Pengaturannya tidak benar",
    "Keys cannot be kept there": "Kunci tidak dapat disimpan di sana",
    "It could not be changed": "Tidak dapat diubah",
    "Flowork is running": "Flowork sedang berjalan",
    "It could not be written": "Tidak dapat ditulis",
    # app/ui/diagnostics.py
    "Diagnostics": "Diagnostik",
    "This is what a supporter needs to know. Read it first: nothing is sent, and it goes only where you put it.": (
        "Inilah yang perlu diketahui tim bantuan. Bacalah dahulu: tidak ada yang dikirim, dan isinya hanya ke tempat pilihan Anda."
    ),
    "Secrets, your home folder and your user name were taken out.": "Rahasia, folder rumah, dan nama pengguna Anda telah dihapus.",
    "Gathering…": "Mengumpulkan…",
    "Text of the diagnostics": "Teks diagnostik",
    "&Copy": "&Salin",
    "&Save…": "&Simpan…",
    "&Open the logs": "&Buka log",
    "Close": "Tutup",
    "Copied.": "Disalin.",
    "Saved: {path}": "Disimpan: {path}",
    "Save diagnostics": "Simpan diagnostik",
}
