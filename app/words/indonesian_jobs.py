"""Bahasa Indonesia: jobs, and what is done with engines."""

from collections.abc import Mapping
from typing import Final

CATALOGUE: Final[Mapping[str, str]] = {
    # states
    "⤓ Cancelling": "⤓ Sedang dibatalkan",
    "▶ Running": "▶ Berjalan",
    "✓ Succeeded": "✓ Berhasil",
    "✕ Failed": "✕ Gagal",
    "✕ Refused": "✕ Ditolak",
    "– Cancelled": "– Dibatalkan",
    "↩ Given back": "↩ Dikembalikan",
    "! Lost: its engine went silent": "! Hilang: mesin kerjanya diam",
    "◷ Scheduled": "◷ Terjadwal",
    "○ Waiting": "○ Menunggu",
    "! Expired": "! Kedaluwarsa",
    # list
    "State": "Keadaan",
    "Kind": "Jenis",
    "Engine": "Mesin kerja",
    "Submitted": "Dikirim",
    "Started": "Dimulai",
    "Took": "Lama",
    "Attempt": "Percobaan",
    "Id": "Id",
    "{attempt} of {most}": "{attempt} dari {most}",
    "Kind, id, trace id or user": "Jenis, id, id jejak, atau pengguna",
    "Find jobs by kind, id, trace id or user": "Cari pekerjaan menurut jenis, id, id jejak, atau pengguna",
    "All states": "Semua keadaan",
    "All engines": "Semua mesin kerja",
    "Waiting or scheduled": "Menunggu atau terjadwal",
    "Running": "Berjalan",
    "Succeeded": "Berhasil",
    "Failed": "Gagal",
    "Cancelled": "Dibatalkan",
    "Expired": "Kedaluwarsa",
    "{number} jobs loaded": "{number} pekerjaan dimuat",
    "The queue of {names} cannot be opened; its jobs are not shown.": "Antrean {names} tidak dapat dibuka; pekerjaannya tidak ditampilkan.",
    "No job fits": "Tidak ada pekerjaan yang cocok",
    "Change the filter, or take it away.": "Ubah saringannya, atau tiadakan.",
    "&All jobs": "&Semua pekerjaan",
    "No jobs yet": "Belum ada pekerjaan",
    "Jobs that browsers, programs or the command line submit appear here.": (
        "Pekerjaan yang dikirim peramban, program, atau baris perintah muncul di sini."
    ),
    # detail
    "Close the detail": "Tutup rincian",
    "&Cancel job…": "&Batalkan…",
    "&Retry…": "&Ulangi…",
    "&Delete…": "&Hapus…",
    "Copy the job's id": "Salin id pekerjaan",
    "Trace id": "Id jejak",
    "Copy the trace id": "Salin id jejak",
    "Attempts": "Percobaan",
    "Output": "Keluaran",
    "Payload": "Muatan",
    "Result": "Hasil",
    "It wrote no output.": "Tidak ada keluaran.",
    "It logged nothing.": "Tidak ada catatan log.",
    "It has no payload.": "Tidak ada muatan.",
    "There is no result.": "Belum ada hasil.",
    "Only the end is shown; Copy takes everything.": "Hanya bagian akhir yang ditampilkan; Salin mengambil semuanya.",
    "Tokens": "Token",
    "{taken} in, {given} out": "{taken} masuk, {given} keluar",
    "Outcome": "Hasil akhir",
    "Began": "Mulai",
    "Waited": "Menunggu",
    # acts
    "Cancel this job?": "Batalkan pekerjaan ini?",
    "&Cancel the job": "&Ya, batalkan",
    "A job that runs is asked to stop; what it has done so far stays done.": (
        "Pekerjaan yang berjalan diminta berhenti; yang sudah dikerjakan tetap terjadi."
    ),
    "Retry this job?": "Ulangi pekerjaan ini?",
    "&Retry": "&Ulangi",
    "It begins anew with all its attempts. What it did outside Flowork before may happen again.": (
        "Pekerjaan dimulai dari awal dengan semua percobaannya. Yang pernah dilakukannya di luar Flowork bisa terjadi lagi."
    ),
    "Delete this job?": "Hapus pekerjaan ini?",
    "&Delete": "&Hapus",
    "Payload, result, output and log go with it. This cannot be undone.": (
        "Muatan, hasil, keluaran, dan lognya ikut terhapus. Ini tidak dapat dibatalkan."
    ),
    # of engines, machines
    "&Add an engine…": "&Tambah mesin kerja…",
    "Add an engine": "Tambah mesin kerja",
    "No engine yet": "Belum ada mesin kerja",
    "The gateway makes one for this machine when it starts.": "Gateway membuatkan satu untuk komputer ini saat dimulai.",
    "Machines": "Komputer",
    "Machine": "Komputer",
    "Token": "Token",
    "Age": "Umur",
    "Last used": "Terakhir dipakai",
    "✓ In use": "✓ Dipakai",
    "↻ A new one is out": "↻ Yang baru sudah terbit",
    "! Does not take a new one": "! Tidak mengambil yang baru",
    "✕ Revoked": "✕ Dicabut",
    "never": "belum pernah",
    "{number} codes are out": "{number} kode beredar",
    "No machine serves it. Add one, and it gets jobs as soon as it is up.": (
        "Tidak ada komputer yang melayaninya. Tambahkan satu, dan ia mendapat pekerjaan begitu aktif."
    ),
    "Ro&tate its token": "&Ganti tokennya",
    "Rotate a&ll": "Ganti s&emua",
    "Re&voke…": "Cab&ut…",
    "Add a &machine…": "Tambah &komputer…",
    "Add a machine": "Tambah komputer",
    "Add a machine to {engine}": "Tambah komputer ke {engine}",
    "An engine has a queue of its own. You get a code for the first machine that serves it.": (
        "Mesin kerja punya antrean sendiri. Anda mendapat kode untuk komputer pertama yang melayaninya."
    ),
    "You get a code that makes one machine serve this engine.": "Anda mendapat kode yang membuat satu komputer melayani mesin kerja ini.",
    "&Get a code": "&Minta kode",
    "&Name": "&Nama",
    "Give it a name first.": "Beri nama dahulu.",
    "Such as lab: lower-case letters, digits and hyphens": "Misalnya lab: huruf kecil, angka, dan tanda hubung",
    "On &this machine": "Di komputer &ini",
    "On &another machine": "Di komputer &lain",
    "Enrolment code": "Kode pendaftaran",
    "No other machine reaches this gateway yet: set up a public endpoint and switch on accept_remote_engines under Settings, "
    "or bring its port there with SSH.": (
        "Belum ada komputer lain yang menjangkau gateway ini: siapkan alamat publik dan nyalakan accept_remote_engines di "
        "Pengaturan, atau teruskan portnya ke sana dengan SSH."
    ),
    "On the machine that will serve it, run:": "Di komputer yang akan melayaninya, jalankan:",
    "and type this code when it asks:": "lalu ketik kode ini saat diminta:",
    "It serves once, until {time}, and is not shown again.": "Berlaku sekali, sampai {time}, dan tidak ditampilkan lagi.",
    "C&opy command": "S&alin perintah",
    "Copy co&de": "Salin ko&de",
    "Revoke every machine of {engine}": "Cabut semua komputer {engine}",
    "Revoke {machine} of {engine}": "Cabut {machine} dari {engine}",
    "Its token is void at once, and its running jobs go back to the queue. To serve again it needs a new code.": (
        "Tokennya langsung tidak berlaku, dan pekerjaannya yang berjalan kembali ke antrean. Untuk melayani lagi ia perlu kode baru."
    ),
    "Somebody else &may have had the token": "&Orang lain mungkin pernah memegang token ini",
    "Then it is written down as such, and what the audit log knows of it is shown.": (
        "Kalau begitu hal itu dicatat, dan yang diketahui log audit tentangnya ditampilkan."
    ),
    "Revoked": "Dicabut",
    "never used": "belum pernah dipakai",
    "last used {time}": "terakhir dipakai {time}",
    "{number} jobs went back to the queue": "{number} pekerjaan kembali ke antrean",
    "{machine}: its token is void; {used}; {jobs}.": "{machine}: tokennya tidak berlaku; {used}; {jobs}.",
    "No machine served it; there was nothing to revoke.": "Tidak ada komputer yang melayaninya; tidak ada yang perlu dicabut.",
    "&Drain": "&Kuras",
    "Take &jobs again": "Terima peker&jaan lagi",
    "&Hide from the public status": "&Sembunyikan dari status publik",
    "S&how in the public status": "&Tampilkan di status publik",
    "Anyone can see its name, health and load.": "Siapa pun dapat melihat nama, kesehatan, dan bebannya.",
    "Its name is shown to nobody outside.": "Namanya tidak ditampilkan kepada siapa pun di luar.",
    # of engines, members
    "Shared with": "Dibagikan kepada",
    "&Share…": "Ba&gikan…",
    "&Share": "&Bagikan",
    "Share {engine}": "Bagikan {engine}",
    "Only the owner uses it.": "Hanya pemilik yang memakainya.",
    "Most urgent priority": "Prioritas paling mendesak",
    "Most urgent &priority (1 is the most urgent)": "&Prioritas paling mendesak (1 yang paling mendesak)",
    "&User": "Peng&guna",
    "&Role": "Pe&ran",
    "Viewer": "Pengamat",
    "Runner": "Pemakai",
    "Admin": "Admin",
    "Runner: submits jobs, sees their own": "Pemakai: mengirim pekerjaan, melihat miliknya sendiri",
    "Viewer: sees health and load": "Pengamat: melihat kesehatan dan beban",
    "Admin: manages the engine": "Admin: mengelola mesin kerja",
    "The user sees this engine and may do with it what the role says; jobs stay their own.": (
        "Pengguna melihat mesin kerja ini dan boleh memakainya sesuai perannya; pekerjaannya tetap milik sendiri."
    ),
    "There is nobody to share it with yet: pair a browser for another user first.": (
        "Belum ada yang dapat diberi: pasangkan dahulu peramban untuk pengguna lain."
    ),
    "Stop sharin&g…": "Berhenti berbagi…",
    "&Stop sharing": "&Berhenti berbagi",
    "Stop sharing {engine} with {user}?": "Berhenti membagikan {engine} kepada {user}?",
    "They can submit nothing to it any more; their jobs there stay theirs to read.": (
        "Ia tidak dapat lagi mengirim apa pun; pekerjaannya di sana tetap dapat dibacanya."
    ),
    # of engines, versions
    "Versions": "Versi",
    "No version is being tried.": "Tidak ada versi yang sedang dicoba.",
    "Version {version} is being tried with {percent} % of the jobs since {time}.": (
        "Versi {version} dicoba dengan {percent} % pekerjaan sejak {time}."
    ),
    "Version {version} was promoted on {time}.": "Versi {version} dinaikkan pada {time}.",
    "Version {version} was rolled back: {reason}": "Versi {version} ditarik kembali: {reason}",
    "Version {version} was replaced by another one.": "Versi {version} digantikan versi lain.",
    "The two sides of the rollout": "Kedua sisi percobaan versi",
    "Side": "Sisi",
    "Canaries": "Kenari",
    "Others": "Lainnya",
    "T&ry a version…": "Coba &versi…",
    "Try a version on {engine}": "Coba versi di {engine}",
    "Machines that announce this version get a share of the jobs. If it fails more than the others, it is rolled back by itself.": (
        "Komputer dengan versi ini mendapat sebagian pekerjaan. Bila lebih sering gagal daripada yang lain, versi ini ditarik "
        "kembali dengan sendirinya."
    ),
    "&Version": "&Versi",
    "Share of the &jobs": "Bagian peker&jaan",
    "Name the version first.": "Sebutkan versinya dahulu.",
    "&Start": "&Mulai",
    "&Promote…": "&Naikkan…",
    "&Promote": "&Naikkan",
    "Promote version {version}": "Naikkan versi {version}",
    "It gets jobs like every other machine of {engine} from now on.": (
        "Mulai sekarang ia mendapat pekerjaan seperti komputer {engine} lainnya."
    ),
    "Let machines with &other versions finish and stop": "Biarkan komputer dengan versi &lain selesai lalu berhenti",
    "Roll &back…": "Ta&rik kembali…",
    "&Roll back": "Ta&rik kembali",
    "Roll version {version} back?": "Tarik kembali versi {version}?",
    "Its machines finish what they hold and stop; the version gets no more jobs.": (
        "Komputernya menyelesaikan yang dipegang lalu berhenti; versi ini tidak mendapat pekerjaan lagi."
    ),
}
