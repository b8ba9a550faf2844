; Flowork's setup for Windows: per user, without administrator's rights.
;
; makensis -DVERSION=1.2.3 -DPAYLOAD=dist/flowork -DLIST=uninstall-list.nsh -DOUT=Flowork-Setup.exe [-DSIGN="sign.sh"] [-DFAST] flowork.nsi
;   PAYLOAD  the frozen folder
;   LIST     made of the payload by uninstall_list.py: what an uninstaller of this version removes
;   SIGN     a command that signs the file given to it, for setup and uninstaller
;   FAST     compress little; for trials
;
; Setup:      /S silent   /D=FOLDER (last, unquoted)   /AUTOSTART start with Windows   /RESTART start Flowork afterwards
; Uninstall:  /S silent   /PURGE also remove the person's data and keys
; Exit codes: 0 done, 1 the person stopped it, 2 failed, 3 this Windows is too old, 4 Flowork would not end, 5 the folder is refused.
; What it did and why it refused is appended to %TEMP%\Flowork-Setup.log.

Unicode true
Target amd64-unicode
!ifdef FAST
  SetCompressor zlib
!else
  SetCompressor /SOLID lzma
  SetCompressorDictSize 64
!endif

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include WinVer.nsh
!include x64.nsh

!define APP "Flowork"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${APP}"
!define RUN_KEY "Software\Microsoft\Windows\CurrentVersion\Run"
!define OLDEST_BUILD 18362 ; Windows 10 1903: Qt needs the system's own ICU

Name "${APP} ${VERSION}"
OutFile "${OUT}"
InstallDir "C:\FLOWORK"
InstallDirRegKey HKCU "Software\${APP}" "InstallDir"
RequestExecutionLevel user
ManifestDPIAware true
ManifestSupportedOS all
BrandingText " "
VIProductVersion "${VERSION}.0"
VIAddVersionKey ProductName "${APP}"
VIAddVersionKey FileDescription "${APP} setup"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey LegalCopyright "Apache-2.0"
!ifdef SIGN
  !finalize '${SIGN} "%1"'
  !uninstfinalize '${SIGN} "%1"'
!endif

Var User      ; SID of the person who installs
Var UserAlias ; the same as SDDL spells it: LA for the built-in administrator
Var Refusal   ; why the folder cannot be used; empty when it can
Var Log
Var Tries

!define MUI_ICON "${ASSETS}/flowork.ico"
!define MUI_UNICON "${ASSETS}/flowork.ico"
!define MUI_ABORTWARNING
!define MUI_DIRECTORYPAGE_TEXT_TOP "The program goes into this folder, which only you, the system and administrators may open. Your data stays apart from it, in $LOCALAPPDATA\${APP}."
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE JudgeFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\flowork.exe"
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Indonesian"

LangString TooOld ${LANG_ENGLISH} "${APP} needs Windows 10, version 1903, or newer, in its 64-bit edition. This Windows has build $R0."
LangString TooOld ${LANG_INDONESIAN} "${APP} memerlukan Windows 10 versi 1903 atau yang lebih baru, edisi 64-bit. Windows ini memiliki build $R0."
LangString Offer ${LANG_ENGLISH} "$\r$\n$\r$\nInstall into your own programs folder instead?$\r$\n$LOCALAPPDATA\Programs\${APP}"
LangString Offer ${LANG_INDONESIAN} "$\r$\n$\r$\nPasang ke folder program Anda sendiri?$\r$\n$LOCALAPPDATA\Programs\${APP}"
LangString Ending ${LANG_ENGLISH} "Waiting for ${APP} to finish its jobs and end. Jobs that wait are kept."
LangString Ending ${LANG_INDONESIAN} "Menunggu ${APP} menyelesaikan tugasnya dan berhenti. Tugas yang menunggu tetap tersimpan."
LangString StillRuns ${LANG_ENGLISH} "${APP} still runs from this folder. End it with Quit in its tray menu, then try again."
LangString StillRuns ${LANG_INDONESIAN} "${APP} masih berjalan dari folder ini. Akhiri lewat Keluar di menu baki, lalu coba lagi."
LangString AskPurge ${LANG_ENGLISH} "Also remove your data: jobs, people, devices, keys? This cannot be undone."
LangString AskPurge ${LANG_INDONESIAN} "Hapus juga data Anda: tugas, orang, perangkat, kunci? Ini tidak dapat dibatalkan."
LangString ProgramPart ${LANG_ENGLISH} "The program"
LangString ProgramPart ${LANG_INDONESIAN} "Program"
LangString AutostartPart ${LANG_ENGLISH} "Start with Windows"
LangString AutostartPart ${LANG_INDONESIAN} "Jalankan bersama Windows"
LangString DesktopPart ${LANG_ENGLISH} "Desktop shortcut"
LangString DesktopPart ${LANG_INDONESIAN} "Pintasan desktop"

; ---- what setup and uninstaller share ---------------------------------------------------------------------------------------

!macro Shared UN
Function ${UN}Tell ; text on the stack: into the log and the list on the page
  Exch $0
  DetailPrint "$0"
  ${If} $Log == ""
    FileOpen $Log "$TEMP\${APP}-Setup.log" a
    FileSeek $Log 0 END
  ${EndIf}
  FileWrite $Log "$0$\r$\n"
  Pop $0
FunctionEnd

; Ask the Flowork that runs to finish and end, and wait for it; then see that no other one holds the files.
Function ${UN}EndProgram
  IfFileExists "$INSTDIR\flowork.exe" 0 ended
  StrCpy $Tries 0
  Push "$(Ending)"
  Call ${UN}Tell
  ExecWait '"$INSTDIR\flowork.exe" --quit' $0
  Push "flowork.exe --quit: $0"
  Call ${UN}Tell
again:
  ClearErrors
  FileOpen $0 "$INSTDIR\flowork.exe" a ; a running program cannot be opened for writing
  ${IfNot} ${Errors}
    FileClose $0
    ClearErrors
    FileOpen $0 "$INSTDIR\flowork-gateway.exe" a
    ${IfNot} ${Errors}
      FileClose $0
      Goto ended
    ${EndIf}
  ${EndIf}
  ${If} $Tries < 40 ; a process that has just ended holds its files for a moment
    IntOp $Tries $Tries + 1
    Sleep 250
    Goto again
  ${EndIf}
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(StillRuns)" /SD IDCANCEL IDRETRY again
  RMDir /r "$INSTDIR\.new"
  Push "$(StillRuns)"
  Call ${UN}Tell
  SetErrorLevel 4
  Quit
ended:
FunctionEnd
!macroend
!insertmacro Shared ""
!insertmacro Shared "un."

; ---- the folder -------------------------------------------------------------------------------------------------------------
; Everybody may make folders in C:\ and write into those that others make there. So this folder gets its own list of who may,
; at the moment it is made, and one that is there already is used only if nobody else can have put anything into it.

Function Whoami
  System::Store S
  StrCpy $9 ""
  System::Call 'kernel32::GetCurrentProcess() p .r1'
  System::Call 'advapi32::OpenProcessToken(p r1, i 8, *p .r2) i .r0'
  System::Call 'advapi32::GetTokenInformation(p r2, i 1, p 0, i 0, *i .r3) i'
  System::Alloc $3
  Pop $4
  System::Call 'advapi32::GetTokenInformation(p r2, i 1, p r4, i r3, *i .r3) i .r0'
  ${If} $0 <> 0
    System::Call '*$4(p .r5)'
    System::Call 'advapi32::ConvertSidToStringSidW(p r5, *p .r6) i .r0'
    ${If} $0 <> 0
      System::Call '*$6(&w200 .r9)'
      System::Call 'kernel32::LocalFree(p r6)'
    ${EndIf}
  ${EndIf}
  System::Free $4
  System::Call 'kernel32::CloseHandle(p r2)'
  Push $9
  System::Store L
  Pop $User
  Push "O:$User"
  Call SddlAgain
  Pop $UserAlias
  StrCpy $UserAlias $UserAlias "" 2
FunctionEnd

Function SddlAgain ; SDDL on the stack -> as Windows spells it
  System::Store S
  Pop $1
  StrCpy $5 ""
  System::Call 'advapi32::ConvertStringSecurityDescriptorToSecurityDescriptorW(w r1, i 1, *p .r7, p 0) i .r0'
  ${If} $0 <> 0
    System::Call 'advapi32::ConvertSecurityDescriptorToStringSecurityDescriptorW(p r7, i 1, i 1, *p .r6, p 0) i .r0'
    ${If} $0 <> 0
      System::Call '*$6(&w1000 .r5)'
      System::Call 'kernel32::LocalFree(p r6)'
    ${EndIf}
    System::Call 'kernel32::LocalFree(p r7)'
  ${EndIf}
  Push $5
  System::Store L
FunctionEnd

Function SddlOfFolder ; owner and entries of $INSTDIR on the stack; empty when they cannot be read
  System::Store S
  StrCpy $5 ""
  System::Call 'advapi32::GetNamedSecurityInfoW(w "$INSTDIR", i 1, i 5, p 0, p 0, p 0, p 0, *p .r7) i .r0'
  ${If} $0 = 0
    System::Call 'advapi32::ConvertSecurityDescriptorToStringSecurityDescriptorW(p r7, i 1, i 5, *p .r6, p 0) i .r0'
    ${If} $0 <> 0
      System::Call '*$6(&w1000 .r5)'
      System::Call 'kernel32::LocalFree(p r6)'
    ${EndIf}
    System::Call 'kernel32::LocalFree(p r7)'
  ${EndIf}
  Push $5
  System::Store L
FunctionEnd

Function IsOurs ; a trustee on the stack -> 1 when it is the person, the system or the administrators
  Exch $0
  ${If} $0 == $User
  ${OrIf} $0 == $UserAlias
  ${OrIf} $0 == "SY"
  ${OrIf} $0 == "BA"
  ${OrIf} $0 == "S-1-5-18"
  ${OrIf} $0 == "S-1-5-32-544"
    StrCpy $0 1
  ${Else}
    StrCpy $0 0
  ${EndIf}
  Exch $0
FunctionEnd

Function Entries ; SDDL on the stack -> the first trustee that is not ours; "-" when all are; "?" when there is no list
  System::Store S
  Pop $1
  StrCpy $5 "?"
  ; the owner stands between "O:" and the next "G:" or "D:"
  StrCpy $2 $1 2
  ${If} $2 == "O:"
    StrCpy $3 2
    ${Do}
      StrCpy $2 $1 2 $3
      ${If} $2 == ""
      ${OrIf} $2 == "G:"
      ${OrIf} $2 == "D:"
        ${Break}
      ${EndIf}
      IntOp $3 $3 + 1
    ${Loop}
    IntOp $4 $3 - 2
    StrCpy $4 $1 $4 2
    Push $4
    Call IsOurs
    Pop $2
    ${If} $2 = 0
      StrCpy $5 $4
    ${Else}
      ; each entry is "(type;flags;rights;;;trustee)"
      ${Do}
        StrCpy $2 $1 1 $3
        ${If} $2 == ""
          ${Break}
        ${ElseIf} $2 == "("
          IntOp $6 $3 + 1
          StrCpy $7 $1 1 $6 ; A or D: a refusal of somebody else is welcome
        ${ElseIf} $2 == ";"
          IntOp $6 $3 + 1
        ${ElseIf} $2 == ")"
          IntOp $4 $3 - $6
          StrCpy $4 $1 $4 $6
          ${If} $7 != "D"
            Push $4
            Call IsOurs
            Pop $2
            ${If} $2 = 0
              StrCpy $5 $4
              ${Break}
            ${EndIf}
          ${EndIf}
          StrCpy $5 "-"
        ${EndIf}
        IntOp $3 $3 + 1
      ${Loop}
    ${EndIf}
  ${EndIf}
  Push $5
  System::Store L
FunctionEnd

Function Judge ; $Refusal for $INSTDIR
  StrCpy $Refusal ""
  Call Whoami
  ${If} $User == ""
    StrCpy $Refusal "Windows does not say who you are."
    Return
  ${EndIf}
  StrCpy $R1 $INSTDIR ; a link anywhere on the way would lead elsewhere after it was judged
  ${Do}
    StrLen $R2 $R1
    ${If} $R2 < 3 ; the drive itself: whoever mounts drives is trusted
      ${Break}
    ${EndIf}
    System::Call 'kernel32::GetFileAttributesW(w R1) i .R2'
    ${If} $R2 <> -1
      IntOp $R2 $R2 & 0x400
      ${If} $R2 <> 0
        StrCpy $Refusal "$R1 is a link to another place."
        Return
      ${EndIf}
    ${EndIf}
    ${GetParent} $R1 $R1
  ${LoopUntil} $R1 == ""
  IfFileExists "$INSTDIR\*.*" 0 fits
  Call SddlOfFolder
  Pop $R0
  Push $R0
  Call Entries
  Pop $R1
  ${If} $R1 != "-"
    StrCpy $Refusal "$INSTDIR is there already, and others may write into it ($R1)."
    Push "$INSTDIR: $R0"
    Call Tell
    Return
  ${EndIf}
  IfFileExists "$INSTDIR\uninstall.exe" fits ; ours, from before
  FindFirst $R2 $R3 "$INSTDIR\*"
  ${DoUntil} $R3 == ""
    ${If} $R3 != "."
    ${AndIf} $R3 != ".."
    ${AndIf} $R3 != ".new" ; of a setup that was interrupted
      StrCpy $Refusal "$INSTDIR holds other things ($R3)."
      ${Break}
    ${EndIf}
    FindNext $R2 $R3
  ${Loop}
  FindClose $R2
fits:
FunctionEnd

Function JudgeFolder ; leaving the page that asks for the folder
  Call Judge
  ${If} $Refusal != ""
    MessageBox MB_YESNO|MB_ICONEXCLAMATION "$Refusal$(Offer)" IDNO stay
    StrCpy $INSTDIR "$LOCALAPPDATA\Programs\${APP}"
    Call Judge
    ${If} $Refusal == ""
      Return
    ${EndIf}
    MessageBox MB_OK|MB_ICONSTOP "$Refusal"
stay:
    Abort
  ${EndIf}
FunctionEnd

Function MakeFolder ; with its entries from the first moment on
  System::Store S
  ${GetParent} $INSTDIR $1
  CreateDirectory $1
  System::Call 'advapi32::ConvertStringSecurityDescriptorToSecurityDescriptorW(w "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;$User)", i 1, *p .r7, p 0) i .r0'
  ${If} $0 <> 0
    System::Call '*(i 24, p r7, i 0) p .r6' ; SECURITY_ATTRIBUTES
    System::Call 'kernel32::CreateDirectoryW(w "$INSTDIR", p r6) i .r0'
    System::Free $6
    ; one of ours that is there already gets the same list again
    System::Call 'advapi32::SetFileSecurityW(w "$INSTDIR", i 0x80000004, p r7) i .r0'
    System::Call 'kernel32::LocalFree(p r7)'
  ${EndIf}
  Push $0
  System::Store L
  Pop $0
  ${If} $0 = 0
    StrCpy $Refusal "$INSTDIR could not be closed to others."
  ${EndIf}
FunctionEnd

Function .onInstFailed ; files could not be written
  Call Undo
FunctionEnd

Function Undo ; what was there before was not touched yet
  SetOutPath "$TEMP"
  RMDir /r "$INSTDIR\.new"
  RMDir "$INSTDIR"
  Push "Not every file could be written: is the disk full? What was there before was not touched."
  Call Tell
FunctionEnd

Function MoveIn ; what lies in .new to its place
  FindFirst $R2 $R3 "$INSTDIR\.new\*"
  ${DoUntil} $R3 == ""
    ${If} $R3 != "."
    ${AndIf} $R3 != ".."
      ClearErrors
      Rename "$INSTDIR\.new\$R3" "$INSTDIR\$R3"
      ${If} ${Errors} ; a folder in which the person keeps something of theirs
        CopyFiles /SILENT "$INSTDIR\.new\$R3" "$INSTDIR"
      ${EndIf}
    ${EndIf}
    FindNext $R2 $R3
  ${Loop}
  FindClose $R2
  RMDir /r "$INSTDIR\.new"
FunctionEnd

; ---- setup ------------------------------------------------------------------------------------------------------------------

Function .onInit
  ReadRegStr $R0 HKLM "SOFTWARE\Microsoft\Windows NT\CurrentVersion" "CurrentBuildNumber"
  ${IfNot} ${AtLeastWin10}
  ${OrIfNot} ${RunningX64}
  ${OrIf} $R0 < ${OLDEST_BUILD}
    MessageBox MB_OK|MB_ICONSTOP "$(TooOld)" /SD IDOK
    Push "$(TooOld)"
    Call Tell
    SetErrorLevel 3
    Quit
  ${EndIf}
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/AUTOSTART" $R1
  ${IfNot} ${Errors}
    SectionSetFlags 1 ${SF_SELECTED}
  ${EndIf}
FunctionEnd

Section "$(ProgramPart)" Program
  SectionIn RO
  Call Judge ; silently nobody passed the page, and between the page and now something may have happened
  ${If} $Refusal == ""
    Call MakeFolder
  ${EndIf}
  ${If} $Refusal != ""
    Push "$Refusal Choose another folder, for example: /D=$LOCALAPPDATA\Programs\${APP}"
    Call Tell
    MessageBox MB_OK|MB_ICONSTOP "$Refusal" /SD IDOK
    SetErrorLevel 5
    Quit
  ${EndIf}
  ; Everything is there before the old version is touched: a full disk must not leave somebody without a program.
  RMDir /r "$INSTDIR\.new"
  SetOutPath "$INSTDIR\.new"
  ClearErrors
  File /r "${PAYLOAD}/*.*"
  ${If} ${Errors}
    Call Undo
    SetErrorLevel 2
    Quit
  ${EndIf}
  SetOutPath "$INSTDIR"
  Call EndProgram
  IfFileExists "$INSTDIR\uninstall.exe" 0 +3
    ; the old version takes away exactly what it brought
    ExecWait '"$INSTDIR\uninstall.exe" /S /UPGRADE _?=$INSTDIR' $0
    Delete "$INSTDIR\uninstall.exe"
  Call MoveIn
  WriteUninstaller "$INSTDIR\uninstall.exe"
  WriteRegStr HKCU "Software\${APP}" "InstallDir" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${APP}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\flowork.exe"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${APP}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" $0
  CreateShortcut "$SMPROGRAMS\${APP}.lnk" "$INSTDIR\flowork.exe"
  Push "${APP} ${VERSION} is in $INSTDIR."
  Call Tell
SectionEnd

Section /o "$(AutostartPart)" Autostart
  ; the program's own command: it leaves another program's entry alone
  ExecWait '"$INSTDIR\flowork-gateway.exe" autostart on' $0
  Push "autostart on: $0"
  Call Tell
SectionEnd

Section /o "$(DesktopPart)" Desktop
  CreateShortcut "$DESKTOP\${APP}.lnk" "$INSTDIR\flowork.exe"
SectionEnd

Section "-Start again"
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/RESTART" $R1
  ${IfNot} ${Errors}
    Exec '"$INSTDIR\flowork.exe"'
  ${EndIf}
SectionEnd

; ---- uninstaller ------------------------------------------------------------------------------------------------------------

Section Uninstall
  ${un.GetParameters} $R0
  ClearErrors
  ${un.GetOptions} $R0 "/UPGRADE" $R1
  ${If} ${Errors}
    Call un.EndProgram
    ClearErrors
    ${un.GetOptions} $R0 "/PURGE" $R1
    ${If} ${Errors}
      IfSilent kept
      MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "$(AskPurge)" /SD IDNO IDNO kept
    ${EndIf}
    ExecWait '"$INSTDIR\flowork-gateway.exe" purge --yes' $0
    Push "purge: $0"
    Call un.Tell
kept:
    ExecWait '"$INSTDIR\flowork-gateway.exe" autostart off' $0 ; only where the entry is ours
    Delete "$SMPROGRAMS\${APP}.lnk"
    Delete "$DESKTOP\${APP}.lnk"
    DeleteRegKey HKCU "${UNINSTALL_KEY}"
    DeleteRegKey HKCU "Software\${APP}"
  ${EndIf}
  !include "${LIST}"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR" ; goes only when it is empty
SectionEnd
