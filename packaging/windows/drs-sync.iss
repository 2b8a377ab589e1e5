; Inno Setup 6: a set-up program from the folder that packaging/build.py made.
;   iscc /DVersion=0.1.0 packaging\windows\drs-sync.iss
; It asks for no rights: Windows lets no file be dropped on the window of a program that runs as administrator.

#ifndef Version
  #error "Say which version: /DVersion=1.2.3"
#endif

[Setup]
AppId={{6C0E5A0B-6F5A-4C55-9A5E-0D7C3B1F4E21}
AppName=DRS-SYNC
AppVersion={#Version}
DefaultDirName={autopf}\DRS-SYNC
DefaultGroupName=DRS-SYNC
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
ArchitecturesInstallIn64BitMode=x64compatible
OutputDir=..\..\dist
OutputBaseFilename=drs-sync-{#Version}-setup
SetupIconFile=..\..\build\icons\drs-sync.ico
UninstallDisplayIcon={app}\drs-sync-console.exe
LicenseFile=..\..\LICENSE
Compression=lzma2
SolidCompression=yes
WizardStyle=modern
CloseApplications=yes

[Files]
Source: "..\..\dist\drs-sync\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{group}\DRS-SYNC"; Filename: "{app}\drs-sync-console.exe"; AppUserModelID: "drs-sync.console"

[Run]
Filename: "{app}\drs-sync-console.exe"; Description: "Open DRS-SYNC"; Flags: nowait postinstall skipifsilent
